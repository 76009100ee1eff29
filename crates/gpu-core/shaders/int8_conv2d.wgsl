// Convolution of int8 codes as an implicit GEMM (crates/gpu-core/src/kernels/int8/conv2d.rs). One invocation computes 4 pixels of 8 output
// channels in registers. A word has the codes of 4 channels of a pixel; the weights of 16 output channels are side by side.

const BATCH: u32 = 1u;
// Words of a pixel of the input.
const QUADS: u32 = 4u;
const OUTPUTS: u32 = 16u;
// Output channels with those that fill the last panel of weights.
const CHANNELS: u32 = 16u;
const SOURCE_H: i32 = 8;
const SOURCE_W: i32 = 8;
const OUT_H: i32 = 8;
const OUT_W: i32 = 8;
const KERNEL_H: i32 = 3;
const KERNEL_W: i32 = 3;
const STRIDE_H: i32 = 1;
const STRIDE_W: i32 = 1;
const PADDING_H: i32 = 1;
const PADDING_W: i32 = 1;
const DILATION_H: i32 = 1;
const DILATION_W: i32 = 1;
// Tiles of pixels, and blocks of output channels.
const TILES: u32 = 16u;
const BLOCKS: u32 = 2u;
// The code of 0, four times.
const ZERO: u32 = 0u;

const AREA = u32(OUT_H * OUT_W);
const SOURCE = u32(SOURCE_H * SOURCE_W);
const TAPS = u32(KERNEL_H * KERNEL_W);
const OUTPUTS_4 = (OUTPUTS + 3u) / 4u;

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> weights: array<vec4<u32>>;
// Rows of CHANNELS: what is added to the sums, (for the CPU), the factors as bits, and those of the residual.
@group(0) @binding(2) var<storage, read> table: array<vec4<i32>>;

//!begin results
fn added(i: u32, o4: u32) -> vec4<i32> {
    return vec4<i32>();
}

@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// The results of 4 channels.
fn result(o4: u32, sums: vec4<i32>) -> vec4<f32> {
    return vec4<f32>(sums + table[o4]) * bitcast<vec4<f32>>(table[2u * CHANNELS / 4u + o4]);
}
//!end results

//!begin store
fn store(image: u32, pixel: u32, o4: u32, sums: vec4<i32>) {
    let values = result(o4, sums + added((image * OUTPUTS_4 + o4) * AREA + pixel, o4));
    for (var j = 0u; j < min(4u, OUTPUTS - 4u * o4); j++) {
        y[(image * OUTPUTS + 4u * o4 + j) * AREA + pixel] = values[j];
    }
}
//!end store

fn dots(code: u32, w: vec4<u32>) -> vec4<i32> {
    return vec4<i32>(dot4I8Packed(code, w.x), dot4I8Packed(code, w.y), dot4I8Packed(code, w.z), dot4I8Packed(code, w.w));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= TILES * BLOCKS) {
        return;
    }
    let block = i / TILES;
    let pixel = vec4<u32>(i % TILES * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    let image = pixel / AREA;
    let at = pixel % AREA;
    let inside = image < vec4<u32>(BATCH);
    let row = vec4<i32>(at / u32(OUT_W)) * STRIDE_H - PADDING_H;
    let col = vec4<i32>(at % u32(OUT_W)) * STRIDE_W - PADDING_W;
    let start = vec4<i32>(image * QUADS * SOURCE);

    var a0 = vec4<i32>();
    var a1 = vec4<i32>();
    var a2 = vec4<i32>();
    var a3 = vec4<i32>();
    var b0 = vec4<i32>();
    var b1 = vec4<i32>();
    var b2 = vec4<i32>();
    var b3 = vec4<i32>();
    for (var tap = 0u; tap < TAPS; tap++) {
        let from_row = row + i32(tap) / KERNEL_W * DILATION_H;
        let from_col = col + i32(tap) % KERNEL_W * DILATION_W;
        let live = inside & (from_row >= vec4<i32>(0)) & (from_row < vec4<i32>(SOURCE_H))
            & (from_col >= vec4<i32>(0)) & (from_col < vec4<i32>(SOURCE_W));
        // Pixels outside of the input read from the first image instead, and are replaced.
        var place = vec4<u32>(select(vec4<i32>(0), start + from_row * SOURCE_W + from_col, live));
        var w = ((block / 2u * QUADS) * TAPS + tap) * 4u + block % 2u * 2u;
        for (var quad = 0u; quad < QUADS; quad++) {
            let codes = select(vec4<u32>(ZERO), vec4<u32>(x[place.x], x[place.y], x[place.z], x[place.w]), live);
            let low = weights[w];
            let high = weights[w + 1u];
            a0 += dots(codes.x, low);
            a1 += dots(codes.y, low);
            a2 += dots(codes.z, low);
            a3 += dots(codes.w, low);
            b0 += dots(codes.x, high);
            b1 += dots(codes.y, high);
            b2 += dots(codes.z, high);
            b3 += dots(codes.w, high);
            place += vec4<u32>(SOURCE);
            w += TAPS * 4u;
        }
    }

    let o4 = block * 2u;
    let both = o4 + 1u < OUTPUTS_4;
    if (inside.x) {
        store(image.x, at.x, o4, a0);
        if (both) { store(image.x, at.x, o4 + 1u, b0); }
    }
    if (inside.y) {
        store(image.y, at.y, o4, a1);
        if (both) { store(image.y, at.y, o4 + 1u, b1); }
    }
    if (inside.z) {
        store(image.z, at.z, o4, a2);
        if (both) { store(image.z, at.z, o4 + 1u, b2); }
    }
    if (inside.w) {
        store(image.w, at.w, o4, a3);
        if (both) { store(image.w, at.w, o4 + 1u, b3); }
    }
}
