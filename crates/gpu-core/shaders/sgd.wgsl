// Stochastic gradient descent with momentum over flat memory (crates/gpu-core/src/kernels/optim.rs).
// hyper = [lr, momentum, dampening, weight_decay, first, factor]. One invocation per element of type T.

const COUNT: u32 = 64u;
const MAXIMIZE: bool = false;
const NESTEROV: bool = false;

//!begin type
alias T = f32;
//!end type

@group(0) @binding(0) var<storage, read> hyper: array<f32>;
@group(0) @binding(1) var<storage, read> ok: array<u32>;
@group(0) @binding(2) var<storage, read> grad: array<T>;
@group(0) @binding(3) var<storage, read_write> param: array<T>;
//!begin velocity
@group(0) @binding(4) var<storage, read_write> velocity: array<T>;
//!end velocity
//!begin copy
@group(0) @binding(7) var<storage, read_write> copy: array<T>;
//!end copy

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= COUNT) {
        return;
    }
    if (ok[0] == 0u) {
        //!begin unchanged
        copy[i] = param[i];
        //!end unchanged
        return;
    }
    let p = param[i];
    var g = hyper[5] * grad[i];
    if (MAXIMIZE) {
        g = -g;
    }
    g = g + hyper[3] * p;
    //!begin momentum
    // The first step ignores the old velocity, whose memory may be undefined.
    let v = select(hyper[1] * velocity[i] + (1.0 - hyper[2]) * g, g, hyper[4] > 0.5);
    velocity[i] = v;
    g = select(v, g + hyper[1] * v, NESTEROV);
    //!end momentum
    let updated = p - hyper[0] * g;
    param[i] = updated;
    //!begin updated
    copy[i] = updated;
    //!end updated
}
