// Random numbers (crates/gpu-core/src/kernels/random.rs). One invocation per four elements; needs philox.wgsl and math.wgsl. The host
// replaces the bindings and the values; the lines below are uniform numbers.

const COUNT: u32 = 64u;

@group(0) @binding(0) var<storage, read> seed: array<u32>;
//!begin bindings
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
//!end bindings

fn uniforms(w: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(philox_uniform(w.x), philox_uniform(w.y), philox_uniform(w.z), philox_uniform(w.w));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= (COUNT + 3u) / 4u) {
        return;
    }
    let w = philox(vec2<u32>(seed[0], seed[1]), vec2<u32>(i, 0u), vec2<u32>(seed[2], seed[3]));
    //!begin value
    let v = uniforms(w);
    //!end value
    let at = i * 4u;
    y[at] = v.x;
    if (at + 1u < COUNT) { y[at + 1u] = v.y; }
    if (at + 2u < COUNT) { y[at + 2u] = v.z; }
    if (at + 3u < COUNT) { y[at + 3u] = v.w; }
}
