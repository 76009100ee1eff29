// Count, mean (as the sum of two numbers) and squared deviations of parts of every channel of x [batch, CHANNELS, SPATIAL]
// (crates/gpu-core/src/kernels/batch_norm.rs). One invocation per channel and split; split j takes items j, j + SPLITS, .. of the channel,
// so that neighbouring invocations read neighbouring memory. An item is a T; SPATIAL and ITEMS count them.

const CHANNELS: u32 = 2u;
const SPATIAL: u32 = 16u;
const ITEMS: u32 = 64u;
const SPLITS: u32 = 1u;
const WIDTH: u32 = 1u;

//!begin type
alias T = f32;
fn total(v: T) -> f32 { return v; }
//!end type

//!begin bindings
@group(0) @binding(0) var<storage, read> x0: array<T>;

fn load_x(i: u32) -> T {
    return x0[i];
}
@group(0) @binding(3) var<storage, read_write> parts: array<vec4<f32>>;
//!end bindings

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= CHANNELS * SPLITS) {
        return;
    }
    let c = i / SPLITS;
    let j = i % SPLITS;
    let count = (ITEMS - j + SPLITS - 1u) / SPLITS;
    // Deviations from the mean of the first items: close enough to the mean of all that nothing cancels.
    let near = min(count, 8u);
    var sum = T(0.0);
    for (var k = 0u; k < near; k++) {
        let e = j + k * SPLITS;
        sum = sum + load_x(((e / SPATIAL) * CHANNELS + c) * SPATIAL + e % SPATIAL);
    }
    let shift = total(sum) / f32(near * WIDTH);
    var first = T(0.0);
    var second = T(0.0);
    var n = j / SPATIAL;
    var s = j % SPATIAL;
    for (var k = 0u; k < count; k++) {
        let d = load_x((n * CHANNELS + c) * SPATIAL + s) - shift;
        first = first + d;
        second = second + d * d;
        n = n + SPLITS / SPATIAL;
        s = s + SPLITS % SPATIAL;
        if (s >= SPATIAL) {
            s = s - SPATIAL;
            n = n + 1u;
        }
    }
    let weight = f32(count * WIDTH);
    let offset = total(first) / weight;
    let squares = total(second) - weight * offset * offset;
    parts[i] = vec4<f32>(weight, shift, offset, select(squares, 0.0, squares < 0.0));
}
