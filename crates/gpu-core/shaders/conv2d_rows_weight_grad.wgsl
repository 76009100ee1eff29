// Weight gradient of a 3x3 convolution of stride 1 and padding 1 (crates/gpu-core/src/kernels/conv2d_gpu/
// row_weight_grad.rs). A workgroup sums, over one chunk of the blocks of ROWS rows of pixels, the weights of 16 output and 16 input
// channels: an invocation has one input channel and two output channels, all nine taps. The rows are in workgroup memory, padded with
// zeros, and a window over the input slides along them: four pixels take five loads for 72 multiply-adds. conv2d_sum.wgsl or
// sum_partials.wgsl adds the chunks.

const GROUPS: u32 = 1u;
// Channels per group of the input and the output.
const INNER: u32 = 16u;
const OUTER: u32 = 16u;
const HEIGHT: u32 = 8u;
// Fours of pixels of a row.
const QUADS: u32 = 2u;
const ROWS: u32 = 4u;
// Tiles of 16 channels.
const TILES_DOWN: u32 = 1u;
const TILES_ALONG: u32 = 1u;
// Blocks of rows of all images, and of a chunk.
const BLOCKS: u32 = 2u;
const CHUNKS: u32 = 1u;
const CHUNK: u32 = 2u;

//!begin bindings
@group(0) @binding(0) var<storage, read> x0: array<vec4<f32>>;

fn load_x(i: u32) -> vec4<f32> {
    return x0[i];
}
@group(0) @binding(1) var<storage, read> dy0: array<vec4<f32>>;

fn load_dy(i: u32) -> vec4<f32> {
    return dy0[i];
}
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
//!end bindings

// [input channel][row, from the one above the block on][QUADS, and zeros], [output channel][row][QUADS]
var<workgroup> x_rows: array<vec4<f32>, 16u * (ROWS + 2u) * (QUADS + 1u)>;
var<workgroup> dy_rows: array<vec4<f32>, 16u * ROWS * QUADS>;

// Products of four pixels with the window of a tap.
fn add(sum: f32, d: vec4<f32>, w: vec4<f32>) -> f32 {
    return fma(d.w, w.w, fma(d.z, w.z, fma(d.y, w.y, fma(d.x, w.x, sum))));
}

@compute @workgroup_size(128)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    var g = group_id.x + group_id.y * groups.x;
    if (g >= TILES_DOWN * TILES_ALONG * GROUPS * CHUNKS) {
        return;
    }
    let down = g % TILES_DOWN * 16u;
    g = g / TILES_DOWN;
    let along = g % TILES_ALONG * 16u;
    g = g / TILES_ALONG;
    let group = g % GROUPS;
    let chunk = g / GROUPS;
    let c = local % 16u;
    let o = local / 16u * 2u;
    //!begin clear
    var sum0_0 = 0.0;
    //!end clear
    let last = min((chunk + 1u) * CHUNK, BLOCKS);
    for (var block = chunk * CHUNK; block < last; block++) {
        let image = block / ((HEIGHT + ROWS - 1u) / ROWS);
        let first = block % ((HEIGHT + ROWS - 1u) / ROWS) * ROWS;
        workgroupBarrier();
        for (var i = local; i < 16u * (ROWS + 2u) * (QUADS + 1u); i += 128u) {
            let quad = i % (QUADS + 1u);
            // Row numbers are one more than the input's: 0 is above the first row.
            let row = first + i / (QUADS + 1u) % (ROWS + 2u);
            let channel = along + i / (QUADS + 1u) / (ROWS + 2u);
            let live = quad < QUADS && row > 0u && row <= HEIGHT && channel < INNER;
            let at = (((image * GROUPS + group) * INNER + channel) * HEIGHT + row - 1u) * QUADS + quad;
            x_rows[i] = select(vec4<f32>(), load_x(select(0u, at, live)), live);
        }
        for (var i = local; i < 16u * ROWS * QUADS; i += 128u) {
            let row = first + i / QUADS % ROWS;
            let channel = down + i / QUADS / ROWS;
            let live = row < HEIGHT && channel < OUTER;
            let at = (((image * GROUPS + group) * OUTER + channel) * HEIGHT + row) * QUADS + i % QUADS;
            dy_rows[i] = select(vec4<f32>(), load_dy(select(0u, at, live)), live);
        }
        workgroupBarrier();
        for (var row = 0u; row < ROWS; row++) {
            let d_at = (o * ROWS + row) * QUADS;
            let x_at = (c * (ROWS + 2u) + row) * (QUADS + 1u);
            var before0 = 0.0;
            var before1 = 0.0;
            var before2 = 0.0;
            var x0_now = x_rows[x_at];
            var x1_now = x_rows[x_at + QUADS + 1u];
            var x2_now = x_rows[x_at + 2u * (QUADS + 1u)];
            for (var q = 0u; q < QUADS; q++) {
                let d0 = dy_rows[d_at + q];
                let d1 = dy_rows[d_at + ROWS * QUADS + q];
                let x0_next = x_rows[x_at + q + 1u];
                let x1_next = x_rows[x_at + QUADS + 1u + q + 1u];
                let x2_next = x_rows[x_at + 2u * (QUADS + 1u) + q + 1u];
                //!begin body
                sum0_0 = add(sum0_0, d0, vec4<f32>(before0, x0_now.xyz));
                //!end body
                before0 = x0_now.w;
                before1 = x1_now.w;
                before2 = x2_now.w;
                x0_now = x0_next;
                x1_now = x1_next;
                x2_now = x2_next;
            }
        }
    }
    //!begin store
    if (along + c < INNER && down + o < OUTER) {
        out[(((chunk * GROUPS + group) * OUTER + down + o) * INNER + along + c) * 9u] = sum0_0;
    }
    //!end store
}
