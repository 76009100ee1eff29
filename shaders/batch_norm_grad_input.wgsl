// dx = gamma rstd (dy - dbeta / M - xhat dgamma / M) with xhat = (x - mean) rstd, rstd = 1 / sqrt(var + EPS), M = SIZE.
// One invocation an item of type T; SPATIAL and COUNT count items.

const COUNT: u32 = 128u;
const CHANNELS: u32 = 2u;
const SPATIAL: u32 = 16u;
const SIZE: f32 = 64.0;
const EPS: f32 = 0.00001;

//!begin type
alias T = f32;
//!end type

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> variance: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<T>;
@group(0) @binding(5) var<storage, read> dgamma: array<f32>;
@group(0) @binding(6) var<storage, read> dbeta: array<f32>;
@group(0) @binding(7) var<storage, read_write> dx: array<T>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= COUNT) {
        return;
    }
    let c = (i / SPATIAL) % CHANNELS;
    let rstd = 1.0 / sqrt(variance[c] + EPS);
    let slope = rstd * dgamma[c] / SIZE;
    dx[i] = (gamma[c] * rstd) * (dy[i] - dbeta[c] / SIZE - (x[i] - mean[c]) * slope);
}
