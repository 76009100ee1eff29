// Adds 32 pairs of partial sums of a channel into one, in fixed order. The host replaces the store of the last level.

const CHANNELS: u32 = 2u;
const COUNT: u32 = 64u;
const GROUPS: u32 = 2u;
const FROM: u32 = 0u;
const TO: u32 = 256u;

//!begin bindings
@group(0) @binding(4) var<storage, read_write> result0: array<f32>;
@group(0) @binding(5) var<storage, read_write> result1: array<f32>;
@group(0) @binding(6) var<storage, read_write> parts: array<f32>;
//!end bindings

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= CHANNELS * GROUPS) {
        return;
    }
    let c = i / GROUPS;
    let begin = (i % GROUPS) * 32u;
    let end = min(begin + 32u, COUNT);
    var first = 0.0;
    var second = 0.0;
    for (var j = begin; j < end; j++) {
        let at = FROM + (c * COUNT + j) * 2u;
        first = first + parts[at];
        second = second + parts[at + 1u];
    }
    //!begin store
    parts[TO + i * 2u] = first;
    parts[TO + i * 2u + 1u] = second;
    //!end store
}
