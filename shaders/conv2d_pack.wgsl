// Packs the weights of a convolution for conv2d.wgsl: packed[group][block][tap][source channel][BLOCK], output channels
// beyond the last 0. One invocation a vector of 4 output channels.

const GROUPS: u32 = 1u;
const INNER: u32 = 4u;
const OUTER: u32 = 4u;
const AREA: u32 = 9u;
const BLOCKS: u32 = 1u;
const BLOCK: u32 = 4u;
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
    let vectors = BLOCK / 4u;
    if (i >= GROUPS * BLOCKS * AREA * INNER * vectors) {
        return;
    }
    let c = i / vectors % INNER;
    let tap = i / vectors / INNER % AREA;
    let part = i / vectors / INNER / AREA;
    let channel = part % BLOCKS * BLOCK + i % vectors * 4u;
    let start = part / BLOCKS * INNER * OUTER * AREA + c * STRIDE_IN + tap;
    var out = vec4<f32>();
    for (var r = 0u; r < 4u; r++) {
        if (channel + r < OUTER) {
            out[r] = weight[start + (channel + r) * STRIDE_OUT];
        }
    }
    packed[i] = out;
}
