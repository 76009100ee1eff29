// Gradients of keys and values of attention (crates/gpu-core/src/kernels/attention.rs): dv = sum over queries of p dy and
// dk = SCALE sum of ds q, as in attention_grad_query.wgsl. One invocation per key, for one of the PARTS of the columns of its rows. The
// host generates the accessors and unrolls the rows; the lines below are for rows of 4 floats.

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
    let first = i % PARTS * 64u;
    let batch = i / PARTS / KEYS;
    let own = i / PARTS % KEYS;
    let k_own = k_row(batch, own);
    let v_own = v_row(batch, own);
    let end = min(QUERIES, own + 1u + BEFORE);
    //!begin setup
    let k0 = k[k_own];
    let v0 = v[v_own];
    var dk0 = vec4<f32>(0.0);
    var dv0 = vec4<f32>(0.0);
    //!end setup
    for (var j = own - min(own, AFTER); j < end; j++) {
        let q_other = q_row(batch, j);
        let dy_other = dy_row(batch, j);
        let row = batch * QUERIES + j;
        //!begin score
        let product = dot(k0, q[q_other]);
        //!end score
        let score = masked(batch, j, own, SCALE * product);
        if (score <= LOWEST) {
            continue;
        }
        //!begin slope
        let slope = dot(v0, dy[dy_other]);
        //!end slope
        let p = exp(score - stats[row]);
        let ds = p * (slope - stats[ROWS + row]);
        //!begin add
        dv0 = fma(vec4<f32>(p), dy[dy_other], dv0);
        dk0 = fma(vec4<f32>(ds), q[q_other], dk0);
        //!end add
    }
    //!begin store
    gradients[i] = dk0 * SCALE;
    gradients[COUNT + i] = dv0;
    //!end store
}
