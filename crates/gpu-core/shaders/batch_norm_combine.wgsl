// Combines the partial results of every channel, in a fixed order (crates/gpu-core/src/kernels/batch_norm.rs). One workgroup per channel:
// invocation j combines the parts j, j + 64, .., and then the invocations combine in pairs. The host replaces the definition of a part, and
// the store.

const CHANNELS: u32 = 2u;
const COUNT: u32 = 64u;

//!begin part
// Count, mean as shift + offset, so that only the result is rounded to the precision of data far from 0, and squared
// deviations (Chan et al. 1979).
alias Part = vec4<f32>;

fn merge(a: Part, b: Part) -> Part {
    if (b.x == 0.0) {
        return a;
    }
    if (a.x == 0.0) {
        return b;
    }
    let share = b.x / (a.x + b.x);
    let d = (b.y - a.y) + (b.z - a.z);
    return Part(a.x + b.x, a.y, a.z + d * share, a.w + b.w + d * d * a.x * share);
}
//!end part

//!begin results
@group(0) @binding(4) var<storage, read_write> result0: array<f32>;
@group(0) @binding(5) var<storage, read_write> result1: array<f32>;

fn emit(i: u32, value0: f32, value1: f32) {
    result0[i] = value0;
    result1[i] = value1;
}
//!end results

//!begin bindings
@group(0) @binding(6) var<storage, read_write> parts: array<Part>;
//!end bindings

var<workgroup> shared_parts: array<Part, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let c = group.x + group.y * groups.x;
    if (c >= CHANNELS) {
        return;
    }
    var own = Part();
    for (var j = local; j < COUNT; j += 64u) {
        own = merge(own, parts[c * COUNT + j]);
    }
    shared_parts[local] = own;
    workgroupBarrier();
    for (var half = 32u; half > 0u; half = half >> 1u) {
        if (local < half) {
            own = merge(own, shared_parts[local + half]);
            shared_parts[local] = own;
        }
        workgroupBarrier();
    }
    if (local == 0u) {
        //!begin store
        emit(c, own.y + own.z, own.w / own.x);
        //!end store
    }
}
