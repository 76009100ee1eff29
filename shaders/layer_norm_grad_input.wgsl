// dx = rstd (g - sum g / SIZE - xhat sum(g xhat) / SIZE) with g = dy gamma, xhat = (x - mean) rstd, and the sums of
// every row at SUMS in the scratch buffer. One invocation an item of type T; COLS and COUNT count items.

const COUNT: u32 = 128u;
const COLS: u32 = 16u;
const SIZE: f32 = 16.0;
const SUMS: u32 = 0u;

//!begin type
alias T = f32;
//!end type

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> gamma: array<T>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> rstd: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<T>;
@group(0) @binding(5) var<storage, read_write> dx: array<T>;
@group(0) @binding(6) var<storage, read_write> parts: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= COUNT) {
        return;
    }
    let row = i / COLS;
    let r = rstd[row];
    let first = parts[SUMS + row * 2u] / SIZE;
    let second = parts[SUMS + row * 2u + 1u] / SIZE;
    dx[i] = r * (dy[i] * gamma[i % COLS] - first - (x[i] - mean[row]) * (r * second));
}
