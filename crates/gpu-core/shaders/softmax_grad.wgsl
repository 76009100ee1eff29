// Gradient of softmax (crates/gpu-core/src/kernels/softmax.rs): dx = y (dy - sum of y dy), or of its logarithm:
// dx = dy - exp(y) (sum of dy). Uses softmax_rows.wgsl and rows.wgsl, where x is y.

const ROWS: u32 = 4u;
const LAST: u32 = 3u;
const COLS: u32 = 16u;
const LANES: u32 = 1u;
const LOG: bool = false;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let row = find_row(group.x + group.y * groups.x, local);
    var part = 0.0;
    for (var j = row.lane; j < COLS; j = j + LANES) {
        let d = dy[row.base + j];
        part = part + select(x[row.base + j] * d, d, LOG);
    }
    let sum = all_sum(row, part);
    if (!row.inside) {
        return;
    }
    for (var j = row.lane; j < COLS; j = j + LANES) {
        let y = x[row.base + j];
        let d = dy[row.base + j];
        if (LOG) {
            dx[row.base + j] = d - exp_exact(y) * sum;
        } else {
            dx[row.base + j] = y * (d - sum);
        }
    }
}
