// Element-wise map over strided inputs (crates/gpu-core/src/kernels/map.rs). One invocation per element; the host
// generates the bindings and the body for a program and its layouts. The lines below are y = x0 + x1.

const COUNT: u32 = 64u;

//!begin bindings
@group(0) @binding(0) var<storage, read> in0: array<f32>;
@group(0) @binding(1) var<storage, read> in1: array<f32>;
@group(0) @binding(2) var<storage, read_write> out0: array<f32>;
//!end bindings

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= COUNT) {
        return;
    }
    //!begin body
    let r0 = in0[i];
    let r1 = in1[i];
    out0[i] = r0 + r1;
    //!end body
}
