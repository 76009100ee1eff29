// Weight gradient of a convolution (crates/gpu-core/src/kernels/conv2d_gpu/weight_grad.rs). A workgroup of one subgroup
// sums, over one chunk of the rows of output pixels, the weights of ROWS output channels, RUNS x LANES input channels
// and TAP_ROWS rows of taps. A lane has one input channel of every run; the lanes load the gradients of the output
// channels side by side and share them by broadcasts. conv2d_sum.wgsl adds the chunks. The host generates the bindings,
// the window over the input and the unrolled products; the lines below are for a 1x1 kernel of stride 1.

const GROUPS: u32 = 1u;
// Channels per group of the input and the output.
const INNER: u32 = 8u;
const OUTER: u32 = 4u;
const INPUT_H: i32 = 8;
const INPUT_W: i32 = 8;
const OUT_H: u32 = 8u;
const OUT_W: u32 = 8u;
const KERNEL_H: u32 = 1u;
const KERNEL_W: u32 = 1u;
const STRIDE_H: i32 = 1;
const STRIDE_W: i32 = 1;
const PADDING_H: i32 = 0;
const PADDING_W: i32 = 0;
const DILATION_H: i32 = 1;
const DILATION_W: i32 = 1;
const LANES: u32 = 8u;
const ROWS: u32 = 1u;
const RUNS: u32 = 1u;
const TAP_ROWS: u32 = 1u;
// Tiles along the output channels, the input channels and the rows of taps.
const TILES_DOWN: u32 = 4u;
const TILES_ALONG: u32 = 1u;
const TILES_TAPS: u32 = 1u;
// Chunks of CHUNK rows of output pixels each, of all images.
const CHUNKS: u32 = 1u;
const CHUNK: u32 = 8u;
const PIXEL_ROWS: u32 = 8u;
// Pixels of an iteration.
const WIDTH: u32 = 1u;

//!begin bindings
@group(0) @binding(0) var<storage, read> x0: array<f32>;

fn load_x(i: u32) -> f32 {
    return x0[i];
}
@group(0) @binding(1) var<storage, read> dy0: array<f32>;

fn load_dy(i: u32) -> f32 {
    return dy0[i];
}
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
//!end bindings

// The position of the sum of a weight.
fn position(chunk: u32, group: u32, to: u32, source: u32, tap_row: u32, tap_col: u32) -> u32 {
    let plane = ((chunk * GROUPS + group) * OUTER + to) * INNER + source;
    return (plane * KERNEL_H + tap_row) * KERNEL_W + tap_col;
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(num_workgroups) tiles: vec3<u32>,
) {
    var g = tile.x + tile.y * tiles.x;
    if (g >= TILES_DOWN * TILES_ALONG * TILES_TAPS * GROUPS * CHUNKS) {
        return;
    }
    let down = g % TILES_DOWN;
    g = g / TILES_DOWN;
    let along = g % TILES_ALONG;
    g = g / TILES_ALONG;
    let tap = g % TILES_TAPS * TAP_ROWS;
    g = g / TILES_TAPS;
    let group = g % GROUPS;
    let chunk = g / GROUPS;
    //!begin setup
    let channel0 = lane;
    var sum0 = 0.0;
    //!end setup
    let last = min((chunk + 1u) * CHUNK, PIXEL_ROWS);
    for (var pixel_row = chunk * CHUNK; pixel_row < last; pixel_row++) {
        let image = pixel_row / OUT_H;
        let row = pixel_row % OUT_H;
        //!begin begin
        var col = 0;
        let at0 = (i32(image * INNER + channel0) * INPUT_H + i32(row)) * INPUT_W;
        //!end begin
        for (var pixel = 0u; pixel < OUT_W; pixel += WIDTH) {
            //!begin body
            let x0_0 = load_x(u32(at0 + col));
            let dy0_0 = load_dy(((image * OUTER + down) * OUT_H + row) * OUT_W + pixel);
            sum0 += subgroupBroadcast(dy0_0, 0u) * x0_0;
            //!end body
            col += i32(WIDTH) * STRIDE_W;
        }
    }
    //!begin store
    out[position(chunk, group, down, channel0, tap, 0u)] = sum0;
    //!end store
}
