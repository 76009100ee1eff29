// Gradient of the queries of attention (crates/gpu-core/src/kernels/attention.rs): dq = SCALE sum over keys of ds k, with
// ds = p (dy v - delta) and p = exp(score - log_sum). One invocation per query, for one of the PARTS of the columns of its row. The host
// generates the accessors and unrolls the rows; the lines below are for rows of 4 floats.

const COUNT: u32 = 64u;
const PARTS: u32 = 1u;
const QUERIES: u32 = 64u;
const KEYS: u32 = 64u;
const ROWS: u32 = 64u;
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
@group(0) @binding(3) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> stats: array<f32>;
@group(0) @binding(5) var<storage, read_write> gradients: array<vec4<f32>>;

fn q_row(batch: u32, i: u32) -> i32 { return i32(batch * QUERIES + i); }
fn k_row(batch: u32, i: u32) -> i32 { return i32(batch * KEYS + i); }
fn v_row(batch: u32, i: u32) -> i32 { return i32(batch * KEYS + i); }
fn dy_row(batch: u32, i: u32) -> i32 { return i32(batch * QUERIES + i); }
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
    let dy_own = dy_row(batch, own);
    let log_sum = stats[row];
    let delta = stats[ROWS + row];
    let end = min(KEYS, own + 1u + AFTER);
    //!begin setup
    let q0 = q[q_own];
    let dy0 = dy[dy_own];
    var dq0 = vec4<f32>(0.0);
    //!end setup
    for (var j = own - min(own, BEFORE); j < end; j++) {
        let k_other = k_row(batch, j);
        let v_other = v_row(batch, j);
        //!begin score
        let product = dot(q0, k[k_other]);
        //!end score
        let score = masked(batch, own, j, SCALE * product);
        if (score <= LOWEST) {
            continue;
        }
        //!begin slope
        let slope = dot(dy0, v[v_other]);
        //!end slope
        let ds = exp(score - log_sum) * (slope - delta);
        //!begin add
        dq0 = fma(vec4<f32>(ds), k[k_other], dq0);
        //!end add
    }
    //!begin store
    gradients[row] = dq0 * SCALE;
    //!end store
}
