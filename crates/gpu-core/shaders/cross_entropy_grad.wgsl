// Gradient of cross_entropy.wgsl: dloss (softmax - (1 - SMOOTHING) onehot - SMOOTHING / COLS).

const ROWS: u32 = 4u;
const LAST: u32 = 3u;
const COLS: u32 = 16u;
const LANES: u32 = 1u;
const SMOOTHING: f32 = 0.0;
const IGNORE: i32 = -100;
// Whether all rows have the same dloss.
const ONE_LOSS: bool = false;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read> dloss: array<f32>;

//!begin results
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

fn emit(i: u32, value: f32) {
    dx[i] = value;
}
//!end results

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let row = find_row(group.x + group.y * groups.x, local);
    let m = row_max(row);
    let scale = 1.0 / row_exp_sum(row, m);
    if (!row.inside) {
        return;
    }
    let label = labels[row.index];
    let valid = label >= 0 && label < i32(COLS);
    let d = dloss[select(row.index, 0u, ONE_LOSS)];
    for (var j = row.lane; j < COLS; j = j + LANES) {
        let p = exp_exact(x[row.base + j] - m) * scale;
        let hit = select(0.0, 1.0 - SMOOTHING, i32(j) == label);
        var g = d * (p - hit - SMOOTHING / f32(COLS));
        if (!valid) { g = nan(); }
        if (label == IGNORE) { g = 0.0; }
        emit(row.base + j, g);
    }
}
