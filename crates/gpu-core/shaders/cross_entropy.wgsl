// Softmax cross-entropy of rows with class numbers as targets (crates/gpu-core/src/kernels/cross_entropy.rs). Uses
// softmax_rows.wgsl and rows.wgsl; x are the logits.

const ROWS: u32 = 4u;
const LAST: u32 = 3u;
const COLS: u32 = 16u;
const LANES: u32 = 1u;
const SMOOTHING: f32 = 0.0;
const IGNORE: i32 = -100;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let row = find_row(group.x + group.y * groups.x, local);
    let m = row_max(row);
    // The logarithm of the sum of all exponentials, without m, next to which rounding would lose it.
    let log_sum = log_exact(row_exp_sum(row, m));
    var spread = 0.0;
    if (SMOOTHING != 0.0) {
        var part = 0.0;
        for (var j = row.lane; j < COLS; j = j + LANES) {
            part = part + ((m - x[row.base + j]) + log_sum);
        }
        spread = all_sum(row, part) * (SMOOTHING / f32(COLS));
    }
    if (!row.inside || row.lane != 0u) {
        return;
    }
    let label = labels[row.index];
    var value = nan();
    if (label == IGNORE) {
        value = 0.0;
    } else if (label >= 0 && label < i32(COLS)) {
        value = (1.0 - SMOOTHING) * ((m - x[row.base + u32(label)]) + log_sum) + spread;
    }
    loss[row.index] = value;
}
