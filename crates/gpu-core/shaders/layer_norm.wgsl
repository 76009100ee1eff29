// Layer normalisation of rows (crates/gpu-core/src/kernels/layer_norm.rs): y = gamma (x - mean) rstd + beta. COLS counts items of type T, SIZE
// floats. Uses rows.wgsl.

const ROWS: u32 = 4u;
const LAST: u32 = 3u;
const COLS: u32 = 16u;
const LANES: u32 = 1u;
const SIZE: f32 = 16.0;
const EPS: f32 = 1e-5;

//!begin type
alias T = f32;
fn total(v: T) -> f32 { return v; }
//!end type

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> gamma: array<T>;
@group(0) @binding(2) var<storage, read> beta: array<T>;
@group(0) @binding(3) var<storage, read_write> y: array<T>;
@group(0) @binding(4) var<storage, read_write> mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> rstd: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let row = find_row(group.x + group.y * groups.x, local);
    var sum = T(0.0);
    for (var j = row.lane; j < COLS; j = j + LANES) {
        sum = sum + x[row.base + j];
    }
    let center = all_sum(row, total(sum)) / SIZE;
    var squares = T(0.0);
    for (var j = row.lane; j < COLS; j = j + LANES) {
        let d = x[row.base + j] - center;
        squares = squares + d * d;
    }
    let r = 1.0 / sqrt(all_sum(row, total(squares)) / SIZE + EPS);
    if (!row.inside) {
        return;
    }
    for (var j = row.lane; j < COLS; j = j + LANES) {
        y[row.base + j] = (x[row.base + j] - center) * r * gamma[j] + beta[j];
    }
    if (row.lane == 0u) {
        mean[row.index] = center;
        rstd[row.index] = r;
    }
}
