// Sums of g = dy gamma and of g (x - mean) rstd over parts of every row of x [ROWS, COLS]. One invocation a row and
// split; split j takes items j, j + SPLITS, .. of the row. COLS counts items of type T.

const ROWS: u32 = 2u;
const COLS: u32 = 16u;
const SPLITS: u32 = 1u;

//!begin type
alias T = f32;
fn total(v: T) -> f32 { return v; }
//!end type

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> gamma: array<T>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> rstd: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<T>;
@group(0) @binding(6) var<storage, read_write> parts: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= ROWS * SPLITS) {
        return;
    }
    let row = i / SPLITS;
    let center = mean[row];
    var first = T(0.0);
    var second = T(0.0);
    for (var col = i % SPLITS; col < COLS; col = col + SPLITS) {
        let g = dy[row * COLS + col] * gamma[col];
        first = first + g;
        second = second + g * (x[row * COLS + col] - center);
    }
    parts[i * 2u] = total(first);
    parts[i * 2u + 1u] = total(second) * rstd[row];
}
