// Sums of dy and of dy (x - mean) rstd over EACH rows of every column of x [ROWS, COLS]. One invocation per column and
// split, neighbours in neighbouring columns.

const ROWS: u32 = 16u;
const COLS: u32 = 16u;
const SPLITS: u32 = 1u;
const EACH: u32 = 16u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> mean: array<f32>;
@group(0) @binding(2) var<storage, read> rstd: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(6) var<storage, read_write> parts: array<vec2<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= COLS * SPLITS) {
        return;
    }
    let col = i % COLS;
    let j = i / COLS;
    let end = min((j + 1u) * EACH, ROWS);
    var first = 0.0;
    var second = 0.0;
    for (var row = j * EACH; row < end; row++) {
        let g = dy[row * COLS + col];
        first = first + g;
        second = second + g * (x[row * COLS + col] - mean[row]) * rstd[row];
    }
    parts[col * SPLITS + j] = vec2<f32>(first, second);
}
