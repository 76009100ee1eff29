// Packs w_hh [GATES H, H] for the forward passes of recurrent cells (crates/gpu-core/src/kernels/recurrent.rs), so that neighbouring
// invocations load neighbouring elements: element k H + j, after two step numbers, holds the weights of input k for all gates of unit j.
// Step numbers begin at 0.

const HIDDEN: u32 = 8u;
const GATES: u32 = 4u;

@group(0) @binding(0) var<storage, read> w: array<f32>;
//!begin scratch
@group(0) @binding(7) var<storage, read_write> scratch: array<vec4<f32>>;
//!end scratch

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i < 2u) {
        scratch[i] = vec4<f32>(0.0);
    }
    if (i >= HIDDEN * HIDDEN) {
        return;
    }
    let at = (i % HIDDEN) * HIDDEN + i / HIDDEN;
    var weights = vec4<f32>(w[at], 0.0, 0.0, 0.0);
    if (GATES > 1u) {
        weights.y = w[at + HIDDEN * HIDDEN];
        weights.z = w[at + 2u * HIDDEN * HIDDEN];
    }
    if (GATES > 3u) {
        weights.w = w[at + 3u * HIDDEN * HIDDEN];
    }
    scratch[2u + i] = weights;
}
