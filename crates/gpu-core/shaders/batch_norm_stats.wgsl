// Count, mean (as the sum of two numbers) and squared deviations of parts of every channel of x [batch, CHANNELS, SPATIAL]
// (crates/gpu-core/src/kernels/batch_norm.rs). One invocation per channel and split. RUN splits share a block of neighbouring items of the
// channel, and take turns: neighbouring invocations read neighbouring memory, and each goes through few pages of it. An item is a T;
// SPATIAL and ITEMS count them.

const CHANNELS: u32 = 2u;
const SPATIAL: u32 = 16u;
const ITEMS: u32 = 64u;
const SPLITS: u32 = 1u;
const RUN: u32 = 1u;
const WIDTH: u32 = 1u;
const BLOCKS: u32 = SPLITS / RUN;
const BLOCKS_LONGER: u32 = ITEMS % BLOCKS;

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
    let block = i % SPLITS / RUN;
    // The first BLOCKS_LONGER blocks have one item more than the others.
    let start = block * (ITEMS / BLOCKS) + min(block, BLOCKS_LONGER) + i % RUN;
    let end = (block + 1u) * (ITEMS / BLOCKS) + min(block + 1u, BLOCKS_LONGER);
    let count = (end - start + RUN - 1u) / RUN;
    // Deviations from the mean of the first items: close enough to the mean of all that nothing cancels.
    let near = min(count, 8u);
    var sum = T(0.0);
    for (var k = 0u; k < near; k++) {
        let e = start + k * RUN;
        sum = sum + load_x(((e / SPATIAL) * CHANNELS + c) * SPATIAL + e % SPATIAL);
    }
    let shift = total(sum) / f32(near * WIDTH);
    var first = T(0.0);
    var second = T(0.0);
    var n = start / SPATIAL;
    var s = start % SPATIAL;
    for (var k = 0u; k < count; k++) {
        let d = load_x((n * CHANNELS + c) * SPATIAL + s) - shift;
        first = first + d;
        second = second + d * d;
        n = n + RUN / SPATIAL;
        s = s + RUN % SPATIAL;
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
