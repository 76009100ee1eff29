// Element-wise code over [N, C, S] that reads two results of a reduction of each channel, given as partial results
// (crates/gpu-core/src/kernels/channel_parts/combined_map.rs). SPLITS workgroups share a channel: each combines all partial results of the
// channel, in the same order, and then computes its share of the elements. The host generates the blocks. The lines below are
// y = x * value0 for sums.

const CHANNELS: u32 = 2u;
// Partial results of a channel, and the first distance of the tree that combines them.
const COUNT: u32 = 64u;
const HALF: u32 = 32u;
// Workgroups of a channel, items of a workgroup, a channel and a plane, and elements of an item.
const SPLITS: u32 = 2u;
const SHARE: u32 = 256u;
const ITEMS: u32 = 512u;
const PLANE: u32 = 16u;
const WIDTH: u32 = 4u;

//!begin part
alias Part = vec4<f32>;

fn merge(a: Part, b: Part) -> Part {
    return a + b;
}
//!end part

//!begin bindings
@group(0) @binding(0) var<storage, read> parts: array<Part>;
@group(0) @binding(1) var<storage, read> in0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out0: array<vec4<f32>>;
//!end bindings

var<workgroup> shared_parts: array<Part, 256>;

@compute @workgroup_size(256)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let g = group.x + group.y * groups.x;
    if (g >= CHANNELS * SPLITS) {
        return;
    }
    let c = g / SPLITS;
    var own = Part();
    for (var j = local; j < COUNT; j += 256u) {
        own = merge(own, parts[c * COUNT + j]);
    }
    shared_parts[local] = own;
    workgroupBarrier();
    for (var half = HALF; half > 0u; half = half >> 1u) {
        if (local < half) {
            own = merge(own, shared_parts[local + half]);
            shared_parts[local] = own;
        }
        workgroupBarrier();
    }
    own = shared_parts[0];
    //!begin values
    let value0 = own.x;
    let value1 = own.y;
    //!end values
    let end = min((g % SPLITS + 1u) * SHARE, ITEMS);
    for (var item = g % SPLITS * SHARE + local; item < end; item += 256u) {
        let n = i32(item / PLANE);
        let s = i32(item % PLANE * WIDTH);
        //!begin body
        let p = (u32(n) * CHANNELS + c) * PLANE * WIDTH + u32(s);
        out0[p / 4u] = in0[p / 4u] * value0;
        //!end body
    }
}
