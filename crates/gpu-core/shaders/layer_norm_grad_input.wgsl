// dx = rstd (g - mean(g) - xhat mean(g xhat)) with g = dy gamma, xhat = (x - mean) rstd, and means over rows. COLS counts items of type T,
// SIZE floats. Uses rows.wgsl.

const ROWS: u32 = 4u;
const LAST: u32 = 3u;
const COLS: u32 = 16u;
const LANES: u32 = 1u;
const SIZE: f32 = 16.0;

//!begin type
alias T = f32;
fn total(v: T) -> f32 { return v; }
//!end type

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> gamma: array<T>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> rstd: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<T>;

//!begin results
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

fn emit(i: u32, value: f32) {
    y[i] = value;
}
//!end results

//!begin put
fn put(i: u32, value: T) { emit(i, value); }
//!end put

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let row = find_row(group.x + group.y * groups.x, local);
    let center = mean[row.index];
    let r = rstd[row.index];
    var first = T(0.0);
    var second = T(0.0);
    for (var j = row.lane; j < COLS; j = j + LANES) {
        let g = dy[row.base + j] * gamma[j];
        first = first + g;
        second = second + g * (x[row.base + j] - center);
    }
    let a = all_sum(row, total(first)) / SIZE;
    let b = all_sum(row, total(second)) / SIZE * r * r;
    if (!row.inside) {
        return;
    }
    for (var j = row.lane; j < COLS; j = j + LANES) {
        put(row.base + j, r * (dy[row.base + j] * gamma[j] - a - (x[row.base + j] - center) * b));
    }
}
