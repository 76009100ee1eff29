// Sums of dy and of dy (x - mean) over parts of every channel, split as in batch_norm_stats.wgsl.

const CHANNELS: u32 = 2u;
const SPATIAL: u32 = 16u;
const ITEMS: u32 = 64u;
const SPLITS: u32 = 1u;
const RUN: u32 = 1u;
const BLOCKS: u32 = SPLITS / RUN;
const BLOCKS_LONGER: u32 = ITEMS % BLOCKS;

//!begin type
alias T = f32;
fn total(v: T) -> f32 { return v; }
//!end type

//!begin bindings
@group(0) @binding(0) var<storage, read> x0: array<T>;
@group(0) @binding(1) var<storage, read> dy0: array<T>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> parts: array<vec2<f32>>;

fn load_x(i: u32) -> T {
    return x0[i];
}

fn load_dy(i: u32) -> T {
    return dy0[i];
}
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
    let center = mean[c];
    var first = T(0.0);
    var second = T(0.0);
    var n = start / SPATIAL;
    var s = start % SPATIAL;
    for (var k = 0u; k < count; k++) {
        let at = (n * CHANNELS + c) * SPATIAL + s;
        let g = load_dy(at);
        first = first + g;
        second = second + g * (load_x(at) - center);
        n = n + RUN / SPATIAL;
        s = s + RUN % SPATIAL;
        if (s >= SPATIAL) {
            s = s - SPATIAL;
            n = n + 1u;
        }
    }
    parts[i] = vec2<f32>(total(first), total(second));
}
