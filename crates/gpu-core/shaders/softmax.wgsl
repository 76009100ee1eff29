// Softmax of rows: y = exp(x - max) / sum, or its logarithm (crates/gpu-core/src/kernels/softmax.rs). Uses
// softmax_rows.wgsl and rows.wgsl.

const ROWS: u32 = 4u;
const LAST: u32 = 3u;
const COLS: u32 = 16u;
const LANES: u32 = 1u;
const LOG: bool = false;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let row = find_row(group.x + group.y * groups.x, local);
    let m = row_max(row);
    let sum = row_exp_sum(row, m);
    let log_sum = log_exact(sum);
    let scale = 1.0 / sum;
    if (!row.inside) {
        return;
    }
    for (var j = row.lane; j < COLS; j = j + LANES) {
        let shifted = x[row.base + j] - m;
        if (LOG) {
            y[row.base + j] = shifted - log_sum;
        } else {
            y[row.base + j] = exp_exact(shifted) * scale;
        }
    }
}
