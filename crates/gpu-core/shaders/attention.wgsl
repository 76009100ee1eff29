// Forward pass of attention (crates/gpu-core/src/kernels/attention.rs) with an online softmax (Dao 2023). One invocation reads the keys of
// a query once, for one of the PARTS of the columns of its output row. The host generates the accessors and unrolls the rows; the lines
// below are for rows of 4 floats.

const COUNT: u32 = 64u;
const PARTS: u32 = 1u;
const QUERIES: u32 = 64u;
const KEYS: u32 = 64u;
// How many earlier and later keys a query sees.
const BEFORE: u32 = 64u;
const AFTER: u32 = 64u;
const SCALE: f32 = 0.5;

// The score of hidden keys.
const LOWEST: f32 = -3.4e38;

//!begin accessors
@group(0) @binding(0) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> k: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> result: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> log_sums: array<f32>;

fn q_row(batch: u32, i: u32) -> i32 { return i32(batch * QUERIES + i); }
fn k_row(batch: u32, i: u32) -> i32 { return i32(batch * KEYS + i); }
fn v_row(batch: u32, i: u32) -> i32 { return i32(batch * KEYS + i); }
fn masked(batch: u32, query: u32, key: u32, score: f32) -> f32 { return score; }
//!end accessors

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= COUNT) {
        return;
    }
    let row = i / PARTS;
    let first = i % PARTS * 64u;
    let batch = row / QUERIES;
    let own = row % QUERIES;
    let q_own = q_row(batch, own);
    let end = min(KEYS, own + 1u + AFTER);
    // The largest score so far, and the sum of exponentials relative to it.
    var top = LOWEST;
    var sum = 0.0;
    var invalid = false;
    //!begin setup
    let q0 = q[q_own];
    var y0 = vec4<f32>(0.0);
    //!end setup
    for (var j = own - min(own, BEFORE); j < end; j++) {
        let k_other = k_row(batch, j);
        let v_other = v_row(batch, j);
        //!begin score
        let product = dot(q0, k[k_other]);
        //!end score
        let score = masked(batch, own, j, SCALE * product);
        // NaN or infinite; drivers may compile comparisons that do not detect NaN.
        invalid = invalid || is_nan(score) || score > -LOWEST;
        if (score <= LOWEST) {
            continue;
        }
        let next = max(top, score);
        let fade = exp(top - next);
        let p = exp(score - next);
        top = next;
        sum = sum * fade + p;
        //!begin add
        y0 = fma(vec4<f32>(p), v[v_other], y0 * fade);
        //!end add
    }
    let seen = sum > 0.0;
    var factor = select(0.0, 1.0 / sum, seen);
    var log_sum = select(0.0, top + log(sum), seen);
    if (invalid) {
        factor = nan();
        log_sum = factor;
    }
    //!begin store
    result[row] = y0 * factor;
    //!end store
    if (first == 0u) {
        log_sums[row] = log_sum;
    }
}
