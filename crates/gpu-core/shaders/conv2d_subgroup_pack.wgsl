// Packs the weights of a convolution for conv2d_subgroup.wgsl: [group][run][block][row tap][DEPTH][LANES] vectors, one invocation per
// vector. A lane is an output channel; the vectors of a lane hold [source channel of the block][column tap].

// Where the packed weights of this phase begin.
const FIRST: u32 = 0u;
const GROUPS: u32 = 1u;
const INNER: u32 = 4u;
const OUTER: u32 = 8u;
const AREA: u32 = 9u;
const LANES: u32 = 8u;
// Runs of LANES output channels, and blocks of STEP source channels.
const RUNS: u32 = 1u;
const BLOCKS: u32 = 1u;
const STEP: u32 = 4u;
const DEPTH: u32 = 3u;
// Taps of this phase, the first one, and the distance of the next row and column of taps.
const ROW_TAPS: u32 = 3u;
const COL_TAPS: u32 = 3u;
const FIRST_TAP: u32 = 0u;
const TAP_ROW: u32 = 3u;
const TAP_COL: u32 = 1u;
// Strides of the output and the source channel in the weights of a group.
const STRIDE_OUT: u32 = 36u;
const STRIDE_IN: u32 = 9u;

//!begin bindings
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> packed: array<vec4<f32>>;
//!end bindings

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= GROUPS * RUNS * BLOCKS * ROW_TAPS * DEPTH * LANES) {
        return;
    }
    let d = i / LANES % DEPTH;
    let tap_row = i / LANES / DEPTH % ROW_TAPS;
    let block = i / LANES / DEPTH / ROW_TAPS % BLOCKS;
    let run = i / LANES / DEPTH / ROW_TAPS / BLOCKS % RUNS;
    let group = i / LANES / DEPTH / ROW_TAPS / BLOCKS / RUNS;
    let to = run * LANES + i % LANES;
    var out = vec4<f32>();
    for (var q = 0u; q < 4u; q++) {
        let k = d * 4u + q;
        let source = block * STEP + k / COL_TAPS;
        if (k < STEP * COL_TAPS && source < INNER && to < OUTER) {
            let tap = FIRST_TAP + tap_row * TAP_ROW + k % COL_TAPS * TAP_COL;
            out[q] = weight[group * INNER * OUTER * AREA + to * STRIDE_OUT + source * STRIDE_IN + tap];
        }
    }
    packed[FIRST + i] = out;
}
