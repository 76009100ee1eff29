// Matrix product (crates/gpu-core/src/kernels/matmul.rs). One invocation computes a tile of ROWS x COLS outputs in
// registers, over one split of the inner dimension; 64 of them, WIDE side by side, make a workgroup. No workgroup memory:
// neighbours share their loads through the caches. The host generates the accessors and the unrolled tile for a layout.
// The lines below multiply row-major [64, 64] matrices with tiles of 1 x 4.

const M: u32 = 64u;
const N: u32 = 64u;
const K: u32 = 64u;
const ROWS: u32 = 1u;
const COLS: u32 = 4u;
// Invocations side by side along N in a workgroup.
const WIDE: u32 = 8u;
// Workgroups along N and along M, batches, and splits of K, each of CHUNK (a multiple of 4).
const GROUPS_N: u32 = 2u;
const GROUPS_M: u32 = 8u;
const BATCHES: u32 = 1u;
const SPLITS: u32 = 1u;
const CHUNK: u32 = 64u;

//!begin accessors
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;

fn a_batch(i: u32) -> i32 { return i32(i) * 4096; }
fn b_batch(i: u32) -> i32 { return i32(i) * 4096; }
//!end accessors

//!begin results
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

fn emit4(i: u32, value: vec4<f32>) {
    y[i / 4u] = value;
}
//!end results

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    var g = group.x + group.y * groups.x;
    if (g >= GROUPS_N * GROUPS_M * BATCHES * SPLITS) {
        return;
    }
    let col = ((g % GROUPS_N) * WIDE + local % WIDE) * COLS;
    g = g / GROUPS_N;
    let row = ((g % GROUPS_M) * (64u / WIDE) + local / WIDE) * ROWS;
    g = g / GROUPS_M;
    let batch = g % BATCHES;
    let split = g / BATCHES;
    if (row >= M || col >= N) {
        return;
    }
    var k = split * CHUNK;
    let end = min(k + CHUNK, K);
    //!begin setup
    let a0 = a_batch(batch) + i32(row) * 64;
    let b0 = b_batch(batch) + i32(col);
    var sum0_0 = vec4<f32>(0.0);
    //!end setup
    //!begin loops
    while (k < end) {
        sum0_0 += a[u32(a0 + i32(k))] * b[u32(b0 + i32(k) * 64) / 4u];
        k++;
    }
    //!end loops
    //!begin store
    emit4((split * BATCHES + batch) * M * N + row * N + col, sum0_0);
    //!end store
}
