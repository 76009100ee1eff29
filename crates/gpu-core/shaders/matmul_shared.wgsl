// Matrix product (crates/gpu-core/src/kernels/matmul/shared.rs). A workgroup computes a tile of ROWS x COLS outputs over
// one split of the inner dimension. DEPTH elements of it at a time are in workgroup memory, where every invocation reads the operands of
// its MICRO_ROWS x MICRO_COLS outputs. The host generates the accessors, the loads and the unrolled products. The lines below multiply row-major
// [64, 64] matrices with tiles of 32 x 32.

const M: u32 = 64u;
const N: u32 = 64u;
const K: u32 = 64u;
const ROWS: u32 = 32u;
const COLS: u32 = 32u;
const MICRO_ROWS: u32 = 4u;
const MICRO_COLS: u32 = 4u;
const DEPTH: u32 = 16u;
const TILES_DOWN: u32 = 2u;
const TILES_ALONG: u32 = 2u;
const BATCHES: u32 = 1u;
// Start of the parts of channels that this dispatch writes (crates/gpu-core/src/kernels/channel_parts.rs).
const FIRST_PART: u32 = 0u;
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
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

fn emit4(i: u32, value: vec4<f32>) {
    y[i / 4u] = value;
}
//!end results

//!begin part
//!end part

// [DEPTH][ROWS / 4] and [DEPTH][COLS / 4] vectors along M and N.
var<workgroup> a_tile: array<vec4<f32>, DEPTH * ROWS / 4u>;
var<workgroup> b_tile: array<vec4<f32>, DEPTH * COLS / 4u>;

@compute @workgroup_size((ROWS / MICRO_ROWS) * (COLS / MICRO_COLS))
fn main(
    @builtin(local_invocation_index) local: u32,
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
    let a_base = a_batch(batch);
    let b_base = b_batch(batch);
    // The invocation's place in the tile, in fours of rows and columns.
    let down = local / (COLS / MICRO_COLS);
    let along = local % (COLS / MICRO_COLS);
    let end = min((split + 1u) * CHUNK, K);
    //!begin sums
    var sum0_0 = vec4<f32>(0.0);
    var sum1_0 = vec4<f32>(0.0);
    var sum2_0 = vec4<f32>(0.0);
    var sum3_0 = vec4<f32>(0.0);
    //!end sums
    for (var k = split * CHUNK; k < end; k += DEPTH) {
        //!begin loads
        for (var i = local; i < DEPTH * 8u; i += 64u) {
            let at_k = k + i / 8u;
            for (var j = 0u; j < 4u; j++) {
                a_tile[i][j] = a[a_base + i32((row + i % 8u * 4u + j) * 64u + at_k)];
                b_tile[i][j] = b[b_base + i32(at_k * 64u + col + i % 8u * 4u + j)];
            }
        }
        //!end loads
        workgroupBarrier();
        // Other uses of the tiles, such as row sums.
        //!begin rows
        //!end rows
        for (var d = 0u; d < DEPTH; d += 4u) {
            //!begin products
            for (var q = d; q < d + 4u; q++) {
                let a = a_tile[q * 8u + down];
                let b = b_tile[q * 8u + along];
                sum0_0 += a.x * b;
                sum1_0 += a.y * b;
                sum2_0 += a.z * b;
                sum3_0 += a.w * b;
            }
            //!end products
        }
        workgroupBarrier();
    }
    //!begin store
    let at = ((split * BATCHES + batch) * M + row + down * 4u) * N + col + along * 4u;
    emit4(at, sum0_0);
    emit4(at + N, sum1_0);
    emit4(at + 2u * N, sum2_0);
    emit4(at + 3u * N, sum3_0);
    //!end store
}
