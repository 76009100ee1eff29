// Matrix product (crates/gpu-core/src/kernels/matmul/subgroup.rs). A workgroup of one subgroup computes a tile of ROWS x
// COLS outputs over one split of the inner dimension. Each lane loads different elements along the rows and shares them by broadcasts;
// along the columns it keeps its own elements. The host generates the accessors and the unrolled tile. The lines below multiply row-major
// [64, 64] matrices with tiles of 1 x 8.

const M: u32 = 64u;
const N: u32 = 64u;
const K: u32 = 64u;
const LANES: u32 = 8u;
const ROWS: u32 = 1u;
const COLS: u32 = 8u;
const TILES_DOWN: u32 = 64u;
const TILES_ALONG: u32 = 8u;
const BATCHES: u32 = 1u;
// Splits of K, each of CHUNK.
const SPLITS: u32 = 1u;
const CHUNK: u32 = 64u;

//!begin accessors
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;

fn a_batch(i: u32) -> i32 { return i32(i) * 4096; }
fn b_batch(i: u32) -> i32 { return i32(i) * 4096; }
//!end accessors

//!begin results
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn emit(i: u32, value: f32) {
    y[i] = value;
}
//!end results

@compute @workgroup_size(LANES)
fn main(
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    var g = group.x + group.y * groups.x;
    if (g >= TILES_DOWN * TILES_ALONG * BATCHES * SPLITS) {
        return;
    }
    let col = g % TILES_ALONG * COLS;
    g = g / TILES_ALONG;
    let row = g % TILES_DOWN * ROWS;
    g = g / TILES_DOWN;
    let batch = g % BATCHES;
    let split = g / BATCHES;
    var k = split * CHUNK;
    let end = min(k + CHUNK, K);
    //!begin setup
    let rows_base = a_batch(batch) + i32(row) * 64;
    let cols_base = b_batch(batch) + i32(col + lane);
    var sum0_0 = 0.0;
    //!end setup
    //!begin loops
    while (k < end) {
        let r0 = a[rows_base + i32(min(k + lane, K - 1u))];
        sum0_0 += subgroupBroadcast(r0, 0u) * b[cols_base + i32(k) * 64];
        k++;
    }
    //!end loops
    //!begin store
    emit((split * BATCHES + batch) * M * N + row * N + col + lane, sum0_0);
    //!end store
}
