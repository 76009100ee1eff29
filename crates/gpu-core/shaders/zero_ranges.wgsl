// Zeros in ranges of a buffer (crates/gpu-core/src/kernels/zero_ranges.rs). One workgroup per range.

//!begin ranges
// The first element of each range, and the one after its last.
const RANGES: array<vec2<u32>, 2> = array(vec2<u32>(3u, 64u), vec2<u32>(100u, 128u));
//!end ranges

@group(0) @binding(0) var<storage, read_write> data: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let range = RANGES[group.x];
    for (var i = range.x + lane; i < range.y; i += 64u) {
        data[i] = 0u;
    }
}
