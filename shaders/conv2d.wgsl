// Convolution and its input gradient as an implicit GEMM (crates/gpu-core/src/kernels/conv2d.rs). One invocation
// computes 4 pixels of BLOCK output channels. The host generates the lines that depend on BLOCK and on the unrolling
// over channels; the lines below are for one channel at a time and BLOCK = 4.
//
// The input gradient handles input pixels by phase, the remainder of their coordinates modulo the stride: all pixels
// of a phase are reached by the same taps. A plain convolution has one phase.

const TRANSPOSED: bool = false;
const BATCH: u32 = 1u;
const GROUPS: u32 = 1u;
// Channels per group of the source and the output.
const INNER: u32 = 4u;
const OUTER: u32 = 4u;
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
// Phases, pixels of a phase, and the distance of the taps that reach a phase.
const PHASES_H: u32 = 1u;
const PHASES_W: u32 = 1u;
const GRID_H: u32 = 8u;
const GRID_W: u32 = 8u;
const STEP_H: i32 = 1;
const STEP_W: i32 = 1;
// Tiles of 4 pixels of a phase, blocks of output channels of a group, and channels of a block.
const TILES: u32 = 16u;
const BLOCKS: u32 = 1u;
const BLOCK: u32 = 4u;
// Source channels that this dispatch adds up.
const FIRST: u32 = 0u;
const LAST: u32 = 4u;
const UNROLL: u32 = 1u;

// weights [group][block][tap][source channel][BLOCK]; load_x is an element of the source.
//!begin bindings
@group(0) @binding(0) var<storage, read> x0: array<f32>;
@group(0) @binding(3) var<storage, read_write> weights: array<vec4<f32>>;

fn load_x(i: u32) -> f32 {
    return x0[i];
}
//!end bindings

//!begin results
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn emit(i: u32, value: f32) {
    y[i] = value;
}
//!end results

fn load4(at: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(load_x(at.x), load_x(at.y), load_x(at.z), load_x(at.w));
}

// The first tap that reaches a phase, or a large number.
fn first_tap(phase: i32, stride: i32, padding: i32, dilation: i32, step: i32) -> i32 {
    if (!TRANSPOSED) {
        return 0;
    }
    for (var tap = 0; tap < step; tap++) {
        if ((phase + padding - tap * dilation) % stride == 0) {
            return tap;
        }
    }
    return 1 << 20u;
}

// Source coordinates of a tap for the pixels `at` of a phase.
fn source(at: vec4<i32>, phase: i32, tap: i32, stride: i32, padding: i32, dilation: i32) -> vec4<i32> {
    if (TRANSPOSED) {
        return at + (phase + padding - tap * dilation) / stride;
    }
    return at * stride - padding + tap * dilation;
}

fn put(at: vec4<u32>, live: vec4<bool>, value: vec4<f32>) {
    for (var i = 0u; i < 4u; i++) {
        if (live[i]) {
            emit(at[i], value[i]);
        }
    }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= TILES * PHASES_H * PHASES_W * BLOCKS * GROUPS) {
        return;
    }
    let phase = i / TILES % (PHASES_H * PHASES_W);
    let phase_h = i32(phase / PHASES_W);
    let phase_w = i32(phase % PHASES_W);
    let part = i / TILES / (PHASES_H * PHASES_W);
    let group = part / BLOCKS;
    let block = part % BLOCKS;

    let pixel = vec4<u32>(i % TILES * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    let image = pixel / (GRID_H * GRID_W);
    let row = vec4<i32>(pixel / GRID_W % GRID_H);
    let col = vec4<i32>(pixel % GRID_W);
    let inside = image < vec4<u32>(BATCH);
    let start = (vec4<i32>(image) * i32(GROUPS) + i32(group)) * i32(INNER) * SOURCE_H * SOURCE_W;

    //!begin clear
    var a0 = vec4<f32>();
    var a1 = vec4<f32>();
    var a2 = vec4<f32>();
    var a3 = vec4<f32>();
    //!end clear
    let first_h = first_tap(phase_h, STRIDE_H, PADDING_H, DILATION_H, STEP_H);
    let first_w = first_tap(phase_w, STRIDE_W, PADDING_W, DILATION_W, STEP_W);
    for (var kh = first_h; kh < KERNEL_H; kh += STEP_H) {
        let from_row = source(row, phase_h, kh, STRIDE_H, PADDING_H, DILATION_H);
        let row_inside = inside & (from_row >= vec4<i32>(0)) & (from_row < vec4<i32>(SOURCE_H));
        for (var kw = first_w; kw < KERNEL_W; kw += STEP_W) {
            let from_col = source(col, phase_w, kw, STRIDE_W, PADDING_W, DILATION_W);
            let live = row_inside & (from_col >= vec4<i32>(0)) & (from_col < vec4<i32>(SOURCE_W));
            // What is outside reads the first image instead and is dropped.
            var at = vec4<u32>(select(vec4<i32>(0), start + from_row * SOURCE_W + from_col, live));
            at += vec4<u32>(FIRST * u32(SOURCE_H * SOURCE_W));
            let tap = u32(kh * KERNEL_W + kw);
            var w = ((part * u32(KERNEL_H * KERNEL_W) + tap) * INNER + FIRST) * (BLOCK / 4u);
            for (var c = FIRST; c < LAST; c += UNROLL) {
                //!begin body
                let v0 = select(vec4<f32>(), load4(at), live);
                let w0_0 = weights[w];
                a0 += w0_0.x * v0;
                a1 += w0_0.y * v0;
                a2 += w0_0.z * v0;
                a3 += w0_0.w * v0;
                at += vec4<u32>(u32(SOURCE_H * SOURCE_W));
                w += 1u;
                //!end body
            }
        }
    }

    let out_row = phase_h + row * i32(PHASES_H);
    let out_col = phase_w + col * i32(PHASES_W);
    let live = inside & (out_row < vec4<i32>(OUT_H)) & (out_col < vec4<i32>(OUT_W));
    let area = u32(OUT_H * OUT_W);
    let channel = (image * GROUPS + group) * OUTER + block * BLOCK;
    let to = channel * area + vec4<u32>(out_row * OUT_W + out_col);
    let rows = OUTER - block * BLOCK;
    //!begin store
    put(to, live, a0);
    if (1u < rows) { put(to + 1u * area, live, a1); }
    if (2u < rows) { put(to + 2u * area, live, a2); }
    if (3u < rows) { put(to + 3u * area, live, a3); }
    //!end store
}
