// y = gamma (x - mean) rstd + beta for x [rows, COLS]. One invocation an item of type T; COLS and COUNT count items.

const COUNT: u32 = 128u;
const COLS: u32 = 16u;

//!begin type
alias T = f32;
//!end type

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> gamma: array<T>;
@group(0) @binding(2) var<storage, read> beta: array<T>;
@group(0) @binding(3) var<storage, read_write> y: array<T>;
@group(0) @binding(4) var<storage, read_write> mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> rstd: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= COUNT) {
        return;
    }
    let row = i / COLS;
    let col = i % COLS;
    y[i] = (x[i] - mean[row]) * rstd[row] * gamma[col] + beta[col];
}
