// Combines (count, mean, squared deviations) of 32 parts of a channel into one (Chan et al. 1979), in fixed order. Means
// are kept as shift + offset, so that only the last is rounded to the precision of data far from 0. The host replaces
// the store of the last level.

const CHANNELS: u32 = 2u;
const COUNT: u32 = 64u;
const GROUPS: u32 = 2u;
const FROM: u32 = 0u;
const TO: u32 = 512u;

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
    let shift = parts[FROM + (c * COUNT + begin) * 4u + 1u];
    var weight = 0.0;
    var first = 0.0;
    var second = 0.0;
    for (var j = begin; j < end; j++) {
        let at = FROM + (c * COUNT + j) * 4u;
        let d = (parts[at + 1u] - shift) + parts[at + 2u];
        weight = weight + parts[at];
        first = first + parts[at] * d;
        second = second + parts[at + 3u] + parts[at] * d * d;
    }
    let offset = first / weight;
    var squares = second - weight * offset * offset;
    squares = select(squares, 0.0, squares < 0.0);
    //!begin store
    parts[TO + i * 4u] = weight;
    parts[TO + i * 4u + 1u] = shift;
    parts[TO + i * 4u + 2u] = offset;
    parts[TO + i * 4u + 3u] = squares;
    //!end store
}
