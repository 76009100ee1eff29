// Scan of the totals of the chunks of scan.wgsl, in place (crates/gpu-core/src/kernels/scan.rs). One invocation per line. Needs math.wgsl.

const LINES: u32 = 4u;
const CHUNKS: u32 = 2u;

@group(0) @binding(2) var<storage, read_write> totals: array<f32>;

//!begin combine
fn combine(a: f32, b: f32) -> f32 {
    return a + b;
}
//!end combine

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let line = gid.x + gid.y * groups.x * 64u;
    if (line >= LINES) {
        return;
    }
    var sum = totals[line];
    for (var chunk = 1u; chunk < CHUNKS; chunk++) {
        sum = combine(sum, totals[chunk * LINES + line]);
        totals[chunk * LINES + line] = sum;
    }
}
