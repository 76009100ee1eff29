// Convolution and its input gradient as an implicit GEMM (crates/gpu-core/src/kernels/conv2d.rs). One invocation
// computes 4 pixels of BLOCK output channels, a workgroup 256 pixels of one phase. The weights of the block are in workgroup memory, for
// CHANNELS source channels and TAPS taps at a time. The host generates the lines that depend on BLOCK and on the unrolling over channels;
// the lines below are for one channel at a time and BLOCK = 4.
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
// Phases, and pixels of a phase.
const PHASES_H: u32 = 1u;
const PHASES_W: u32 = 1u;
const GRID_H: u32 = 8u;
const GRID_W: u32 = 8u;
// Workgroups of a phase and block, blocks of output channels of a group, and channels of a block.
const TILES: u32 = 1u;
const BLOCKS: u32 = 1u;
const BLOCK: u32 = 4u;
// Source channels that this dispatch adds up.
const FIRST: u32 = 0u;
const LAST: u32 = 4u;
const UNROLL: u32 = 1u;
// Strides of the output and the source channel in the weights of a group.
const STRIDE_OUT: u32 = 36u;
const STRIDE_IN: u32 = 9u;
// Source channels and taps, a divisor of all, whose weights are staged together, and their vectors of 4 output channels.
const CHANNELS: u32 = 4u;
const TAPS: u32 = 9u;
const STAGED: u32 = 36u;
// Vectors of partial results that the same memory holds at the end.
const MERGED: u32 = 0u;

//!begin bindings
@group(0) @binding(0) var<storage, read> x0: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;

fn load_x(i: u32) -> f32 {
    return x0[i];
}
//!end bindings

//!begin results
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn emit(i: u32, value: f32) -> f32 {
    y[i] = value;
    return value;
}
//!end results

// For kernels/channel_parts.rs: the partial result of 4 pixels of a channel, and how two combine.
//!begin part
//!end part

// [tap][source channel][BLOCK / 4], and the partial results of 4 channels
var<workgroup> staged: array<vec4<f32>, max(STAGED, MERGED)>;

// Stages the weights of a block from source channel `channel` and tap `tap` on; outputs beyond the last are 0.
fn stage(part: u32, channel: u32, tap: u32, local: u32) {
    const AREA = u32(KERNEL_H * KERNEL_W);
    for (var v = local; v < TAPS * CHANNELS * (BLOCK / 4u); v += 64u) {
        let t = v % TAPS;
        let c = v / TAPS % CHANNELS;
        let quad = v / TAPS / CHANNELS;
        let start = part / BLOCKS * INNER * OUTER * AREA + (channel + c) * STRIDE_IN + tap + t;
        let first = part % BLOCKS * BLOCK + quad * 4u;
        var values = vec4<f32>();
        if (channel + c < LAST) {
            for (var r = 0u; r < 4u; r++) {
                if (first + r < OUTER) {
                    values[r] = weight[start + (first + r) * STRIDE_OUT];
                }
            }
        }
        staged[(t * CHANNELS + c) * (BLOCK / 4u) + quad] = values;
    }
}

fn load4(at: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(load_x(at.x), load_x(at.y), load_x(at.z), load_x(at.w));
}

// Whether a tap reaches a phase.
fn reaches(phase: i32, tap: i32, stride: i32, padding: i32, dilation: i32) -> bool {
    return !TRANSPOSED || (phase + padding - tap * dilation) % stride == 0;
}

// Source coordinates of a tap for the pixels `at` of a phase.
fn source(at: vec4<i32>, phase: i32, tap: i32, stride: i32, padding: i32, dilation: i32) -> vec4<i32> {
    if (TRANSPOSED) {
        return at + (phase + padding - tap * dilation) / stride;
    }
    return at * stride - padding + tap * dilation;
}

// What is stored of 4 pixels.
fn put(at: vec4<u32>, live: vec4<bool>, value: vec4<f32>) -> vec4<f32> {
    //!begin put
    var stored = vec4<f32>();
    for (var i = 0u; i < 4u; i++) {
        if (live[i]) {
            stored[i] = emit(at[i], value[i]);
        }
    }
    return stored;
    //!end put
}

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) tile: vec3<u32>,
    @builtin(num_workgroups) tiles: vec3<u32>,
) {
    let g = tile.x + tile.y * tiles.x;
    if (g >= TILES * PHASES_H * PHASES_W * BLOCKS * GROUPS) {
        return;
    }
    let phase = g / TILES % (PHASES_H * PHASES_W);
    let phase_h = i32(phase / PHASES_W);
    let phase_w = i32(phase % PHASES_W);
    let part = g / TILES / (PHASES_H * PHASES_W);
    let group = part / BLOCKS;
    let block = part % BLOCKS;

    let pixel = vec4<u32>((g % TILES * 64u + local) * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
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
    for (var channel = FIRST; channel < LAST; channel += CHANNELS) {
        // A constant if all runs are whole.
        let whole = (LAST - FIRST) % CHANNELS == 0u;
        let channels = select(min(CHANNELS, LAST - channel), CHANNELS, whole);
        for (var tap = 0u; tap < u32(KERNEL_H * KERNEL_W); tap += TAPS) {
            workgroupBarrier();
            stage(part, channel, tap, local);
            workgroupBarrier();
            //!begin taps
            for (var t = 0u; t < TAPS; t++) {
                let kh = i32(tap + t) / KERNEL_W;
                let kw = i32(tap + t) % KERNEL_W;
                if (!reaches(phase_h, kh, STRIDE_H, PADDING_H, DILATION_H)
                    || !reaches(phase_w, kw, STRIDE_W, PADDING_W, DILATION_W)) {
                    continue;
                }
                let from_row = source(row, phase_h, kh, STRIDE_H, PADDING_H, DILATION_H);
                let from_col = source(col, phase_w, kw, STRIDE_W, PADDING_W, DILATION_W);
                let live = inside & (from_row >= vec4<i32>(0)) & (from_row < vec4<i32>(SOURCE_H))
                    & (from_col >= vec4<i32>(0)) & (from_col < vec4<i32>(SOURCE_W));
                // Pixels outside of the source read from the first image instead, and are dropped.
                var at = vec4<u32>(select(vec4<i32>(0), start + from_row * SOURCE_W + from_col, live));
                at += vec4<u32>(channel * u32(SOURCE_H * SOURCE_W));
                var w = t * CHANNELS * (BLOCK / 4u);
                for (var c = 0u; c < channels; c += UNROLL) {
                    //!begin body
                    let v0 = select(vec4<f32>(), load4(at), live);
                    let w0_0 = staged[w];
                    a0 += w0_0.x * v0;
                    a1 += w0_0.y * v0;
                    a2 += w0_0.z * v0;
                    a3 += w0_0.w * v0;
                    at += vec4<u32>(u32(SOURCE_H * SOURCE_W));
                    w += 1u;
                    //!end body
                }
            }
            //!end taps
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
    let stored0 = put(to, live, a0);
    let stored1 = put(to + 1u * area, live & vec4<bool>(1u < rows), a1);
    let stored2 = put(to + 2u * area, live & vec4<bool>(2u < rows), a2);
    let stored3 = put(to + 3u * area, live & vec4<bool>(3u < rows), a3);
    //!end store
    //!begin parts
    //!end parts
}
