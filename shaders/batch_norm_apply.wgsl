// y = gamma (x - mean) / sqrt(var + EPS) + beta for x [batch, CHANNELS, SPATIAL]. One invocation an item of type T;
// SPATIAL and COUNT count items.

const COUNT: u32 = 128u;
const CHANNELS: u32 = 2u;
const SPATIAL: u32 = 16u;
const EPS: f32 = 0.00001;

//!begin type
alias T = f32;
//!end type

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> gamma: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<T>;
@group(0) @binding(4) var<storage, read_write> mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> variance: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= COUNT) {
        return;
    }
    let c = (i / SPATIAL) % CHANNELS;
    y[i] = (x[i] - mean[c]) * (gamma[c] / sqrt(variance[c] + EPS)) + beta[c];
}
