// Combines the total before each chunk of scan.wgsl with the chunk's elements (crates/gpu-core/src/kernels/scan.rs). One invocation per
// element. Needs math.wgsl.

const TOTAL: u32 = 64u;
const LINES: u32 = 4u;
const LEN: u32 = 16u;
const INNER: u32 = 1u;
const CHUNK: u32 = 8u;
const REVERSE: bool = false;

@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> totals: array<f32>;

//!begin combine
fn combine(a: f32, b: f32) -> f32 {
    return a + b;
}
//!end combine

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= TOTAL) {
        return;
    }
    let place = (i / INNER) % LEN;
    let line = (i / INNER / LEN) * INNER + i % INNER;
    let chunk = select(place, LEN - 1u - place, REVERSE) / CHUNK;
    if (chunk > 0u) {
        y[i] = combine(totals[(chunk - 1u) * LINES + line], y[i]);
    }
}
