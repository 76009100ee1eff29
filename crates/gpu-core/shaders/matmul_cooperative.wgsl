// Matrix product of halves by cooperative matrices (crates/gpu-core/src/kernels/cooperative_tile.rs). A workgroup computes a tile of ROWS x COLS
// outputs over one split of the inner dimension. DEPTH elements of it at a time are in workgroup memory, with those of a row or column side by
// side, as subgroups load fragments of SIZE x SIZE fastest. Each subgroup accumulates one of PARTS parts of the tile in f32. The host generates the
// accessors, the loads and the unrolled products. The lines below multiply row-major [64, 64] matrices with tiles of 8 x 8.

enable f16;
enable wgpu_cooperative_matrix;

const M: u32 = 64u;
const N: u32 = 64u;
const K: u32 = 64u;
const ROWS: u32 = 8u;
const COLS: u32 = 8u;
const DEPTH: u32 = 16u;
// Elements from a row or column in workgroup memory to the next: not DEPTH, which would put every fourth one in the same bank.
const STRIDE: u32 = 24u;
// Rows and columns of a cooperative matrix.
const SIZE: u32 = 8u;
const INVOCATIONS: u32 = 32u;
const PARTS: u32 = 1u;
// Parts side by side, and the rows and columns of each.
const PARTS_ALONG: u32 = 1u;
const PART_ROWS: u32 = 8u;
const PART_COLS: u32 = 8u;
const TILES_DOWN: u32 = 8u;
const TILES_ALONG: u32 = 8u;
const BATCHES: u32 = 1u;
// Start of the parts of channels that this dispatch writes (crates/gpu-core/src/kernels/channel_parts.rs).
const FIRST_PART: u32 = 0u;
// Splits of K, each of CHUNK.
const SPLITS: u32 = 1u;
const CHUNK: u32 = 64u;

//!begin accessors
@group(0) @binding(0) var<storage, read> a: array<f16>;
@group(0) @binding(1) var<storage, read> b: array<f16>;

fn a_batch(i: u32) -> i32 { return i32(i) * 4096; }
fn b_batch(i: u32) -> i32 { return i32(i) * 4096; }
//!end accessors

//!begin results
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

fn emit4(i: u32, value: vec4<f32>) {
    y[i / 4u] = value;
}
//!end results

// For kernels/channel_parts.rs: the partial result of 4 pixels of a channel, and how two combine.
//!begin part
//!end part

// [ROWS][STRIDE] and [COLS][STRIDE], elements of K side by side.
var<workgroup> a_tile: array<f16, ROWS * STRIDE>;
var<workgroup> b_tile: array<f16, COLS * STRIDE>;
// An accumulator of each part, on its way to the invocations that store it.
var<workgroup> sums: array<f32, PARTS * SIZE * SIZE>;

// Rows and columns in the tile of four neighbours of a part's first accumulator.
fn quad_down(quad: u32) -> u32 {
    return quad / (SIZE * SIZE / 4u) / PARTS_ALONG * PART_ROWS + quad / (SIZE / 4u) % SIZE;
}
fn quad_along(quad: u32) -> u32 {
    return quad / (SIZE * SIZE / 4u) % PARTS_ALONG * PART_COLS + quad % (SIZE / 4u) * 4u;
}
fn sums_at(quad: u32) -> vec4<f32> {
    let at = quad * 4u;
    return vec4<f32>(sums[at], sums[at + 1u], sums[at + 2u], sums[at + 3u]);
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
) {
    // Values, not variables: they are known to be uniform.
    let number = group.x + group.y * groups.x;
    if (number >= TILES_DOWN * TILES_ALONG * BATCHES * SPLITS) {
        return;
    }
    let col = number % TILES_ALONG * COLS;
    let row = number / TILES_ALONG % TILES_DOWN * ROWS;
    let batch = number / (TILES_ALONG * TILES_DOWN) % BATCHES;
    let split = number / (TILES_ALONG * TILES_DOWN * BATCHES);
    let a_base = a_batch(batch);
    let b_base = b_batch(batch);
    let end = min((split + 1u) * CHUNK, K);
    // One pass, unless the driver has chosen larger subgroups than expected. Of smaller ones, some compute the last part once more, since
    // cooperative matrices need uniform control flow.
    for (var pass_part = 0u; pass_part < PARTS; pass_part += subgroups) {
        let part = min(pass_part + subgroup, PARTS - 1u);
        let part_row = part / PARTS_ALONG * PART_ROWS;
        let part_col = part % PARTS_ALONG * PART_COLS;
        // Accumulators are loaded from zeros: what a declared one holds is up to the driver.
        for (var i = local; i < SIZE * SIZE; i += INVOCATIONS) {
            sums[i] = 0.0;
        }
        workgroupBarrier();
        //!begin sums
        var sum0_0 = coopLoadT<coop_mat8x8<f32, C>>(&sums[0], SIZE);
        //!end sums
        for (var k = split * CHUNK; k < end; k += DEPTH) {
            //!begin loads
            for (var i = local; i < DEPTH * ROWS; i += INVOCATIONS) {
                a_tile[i / DEPTH * STRIDE + i % DEPTH] = a[a_base + i32((row + i / DEPTH) * 64u + k + i % DEPTH)];
                b_tile[i / DEPTH * STRIDE + i % DEPTH] = b[b_base + i32((k + i % DEPTH) * 64u + col + i / DEPTH)];
            }
            //!end loads
            workgroupBarrier();
            // Other uses of the tiles, such as row sums.
            //!begin rows
            //!end rows
            //!begin products
            for (var d = 0u; d < DEPTH; d += SIZE) {
                let a0 = coopLoadT<coop_mat8x8<f16, A>>(&a_tile[part_row * STRIDE + d], STRIDE);
                let b0 = coopLoad<coop_mat8x8<f16, B>>(&b_tile[part_col * STRIDE + d], STRIDE);
                sum0_0 = coopMultiplyAdd(a0, b0, sum0_0);
            }
            //!end products
            workgroupBarrier();
        }
        // The quads of this pass's parts in `sums`, from the first part's on.
        let quads_from = pass_part * (SIZE * SIZE / 4u);
        let quads_end = min(pass_part + subgroups, PARTS) * (SIZE * SIZE / 4u);
        //!begin store
        let first = (split * BATCHES + batch) * M * N;
        coopStoreT(sum0_0, &sums[part * SIZE * SIZE], SIZE);
        workgroupBarrier();
        for (var i = quads_from + local; i < quads_end; i += INVOCATIONS) {
            emit4(first + (row + quad_down(i)) * N + col + quad_along(i), sums_at(i));
        }
        workgroupBarrier();
        //!end store
    }
}
