// Adds the partial weight gradients of conv2d_weight_grad.wgsl in order. One invocation per weight.

const SIZE: u32 = 64u;
const CHUNKS: u32 = 2u;

//!begin bindings
@group(0) @binding(2) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(3) var<storage, read_write> partials: array<f32>;
//!end bindings

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= SIZE) {
        return;
    }
    var sum = partials[i];
    for (var chunk = 1u; chunk < CHUNKS; chunk++) {
        sum += partials[chunk * SIZE + i];
    }
    dweight[i] = sum;
}
