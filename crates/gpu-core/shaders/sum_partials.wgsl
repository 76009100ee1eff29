// Adds up the partial results of many kernels (crates/gpu-core/src/kernels/partial_sums.rs). One invocation per result: the workgroups of a
// segment, from its first one on, compute its results. The host generates the segments.

const WORKGROUPS: u32 = 2u;

@group(0) @binding(0) var<storage, read> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> results: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let g = group.x + group.y * groups.x;
    if (g >= WORKGROUPS) {
        return;
    }
    // First workgroup and number of results; position of the first term, steps to the next result's term and to the next term, number of
    // terms; position of the results.
    var start = 0u;
    var count = 0u;
    var first = 0u;
    var step = 0u;
    var stride = 0u;
    var terms = 0u;
    var to = 0u;
    //!begin segments
    if (g >= 0u) { start = 0u; count = 100u; first = 0u; step = 1u; stride = 100u; terms = 3u; to = 0u; }
    //!end segments
    let i = (g - start) * 64u + local;
    if (i >= count) {
        return;
    }
    var at = first + i * step;
    // Four chains, so that loads do not wait for each other.
    var sums = vec4<f32>();
    var k = 0u;
    while (k + 3u < terms) {
        sums += vec4<f32>(partials[at], partials[at + stride], partials[at + 2u * stride], partials[at + 3u * stride]);
        at += 4u * stride;
        k += 4u;
    }
    while (k < terms) {
        sums.x += partials[at];
        at += stride;
        k += 1u;
    }
    results[to + i] = (sums.x + sums.y) + (sums.z + sums.w);
}
