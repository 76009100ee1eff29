// The statistics of every row that the gradient of attention needs: the logarithm of its sum, and delta = sum of dy y
// (crates/gpu-core/src/kernels/attention.rs). One invocation per row. The host generates the accessors; the lines below
// are for contiguous rows.

const ROWS: u32 = 64u;
const QUERIES: u32 = 64u;
const VALUES: u32 = 16u;

//!begin accessors
@group(0) @binding(0) var<storage, read> y: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;

fn y_row(batch: u32, i: u32) -> i32 { return i32((batch * QUERIES + i) * VALUES); }
fn dy_row(batch: u32, i: u32) -> i32 { return i32((batch * QUERIES + i) * VALUES); }
fn y_at(row: i32, c: u32) -> vec4<f32> { return y[(u32(row) + c) / 4u]; }
fn dy_at(row: i32, c: u32) -> vec4<f32> { return dy[(u32(row) + c) / 4u]; }
//!end accessors
@group(0) @binding(2) var<storage, read> log_sums: array<f32>;
@group(0) @binding(3) var<storage, read_write> stats: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= ROWS) {
        return;
    }
    let y_own = y_row(i / QUERIES, i % QUERIES);
    let dy_own = dy_row(i / QUERIES, i % QUERIES);
    var sums = vec4<f32>(0.0);
    for (var c = 0u; c < VALUES; c = c + 4u) {
        sums = fma(y_at(y_own, c), dy_at(dy_own, c), sums);
    }
    stats[i] = log_sums[i];
    stats[ROWS + i] = dot(sums, vec4<f32>(1.0));
}
