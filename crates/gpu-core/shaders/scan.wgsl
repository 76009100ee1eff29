// Scan of CHUNK elements: y[j] = x[first] op .. op x[j] within a chunk, and the chunk's total into scratch
// (crates/gpu-core/src/kernels/scan.rs). One invocation per chunk of a line; lines are [OUTER, LEN, INNER]. Needs math.wgsl.

const LINES: u32 = 4u;
const LEN: u32 = 16u;
const INNER: u32 = 1u;
const CHUNK: u32 = 16u;
const CHUNKS: u32 = 1u;
const REVERSE: bool = false;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
//!begin totals
@group(0) @binding(2) var<storage, read_write> totals: array<f32>;
//!end totals

//!begin combine
fn combine(a: f32, b: f32) -> f32 {
    return a + b;
}
//!end combine

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= LINES * CHUNKS) {
        return;
    }
    let line = i % LINES;
    let chunk = i / LINES;
    let base = (line / INNER) * LEN * INNER + line % INNER;
    let begin = chunk * CHUNK;
    let end = min(begin + CHUNK, LEN);
    var sum = 0.0;
    for (var j = begin; j < end; j++) {
        let at = base + select(j, LEN - 1u - j, REVERSE) * INNER;
        if (j == begin) {
            sum = x[at];
        } else {
            sum = combine(sum, x[at]);
        }
        y[at] = sum;
    }
    //!begin store
    totals[chunk * LINES + line] = sum;
    //!end store
}
