// Adam, AdamW and AMSGrad over flat memory (crates/gpu-core/src/kernels/optim.rs).
// hyper = [lr, beta1, beta2, eps, weight_decay, bias_correction1, bias_correction2_sqrt, factor]. One invocation per element of
// type T.

const COUNT: u32 = 64u;
const MAXIMIZE: bool = false;
const DECOUPLED: bool = false;

//!begin type
alias T = f32;
//!end type

@group(0) @binding(0) var<storage, read> hyper: array<f32>;
@group(0) @binding(1) var<storage, read> ok: array<u32>;
@group(0) @binding(2) var<storage, read> grad: array<T>;
@group(0) @binding(3) var<storage, read_write> param: array<T>;
@group(0) @binding(4) var<storage, read_write> moment: array<T>;
@group(0) @binding(5) var<storage, read_write> square: array<T>;
//!begin largest
@group(0) @binding(6) var<storage, read_write> largest: array<T>;
//!end largest
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
    var p = param[i];
    var g = hyper[7] * grad[i];
    if (MAXIMIZE) {
        g = -g;
    }
    if (DECOUPLED) {
        p = p * (1.0 - hyper[0] * hyper[4]);
    } else {
        g = g + hyper[4] * p;
    }
    let m = hyper[1] * moment[i] + (1.0 - hyper[1]) * g;
    var v = hyper[2] * square[i] + (1.0 - hyper[2]) * (g * g);
    moment[i] = m;
    square[i] = v;
    //!begin maximum
    let before = largest[i];
    v = select(v, before, v <= before);
    largest[i] = v;
    //!end maximum
    let denominator = sqrt(v) / hyper[6] + hyper[3];
    let updated = p - (hyper[0] / hyper[5]) * (m / denominator);
    param[i] = updated;
    //!begin updated
    copy[i] = updated;
    //!end updated
}
