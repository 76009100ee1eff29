// The values of codes (crates/gpu-core/src/kernels/int8/quantize.rs). One invocation computes the values of a word.

// Words.
const COUNT: u32 = 1u;
const CHANNELS: u32 = 4u;
// Elements of a channel.
const INNER: u32 = 1u;
const SCALE: f32 = 1.0;
// The code of 0.
const ZERO: i32 = 0;

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= COUNT) {
        return;
    }
    let quads = (CHANNELS + 3u) / 4u;
    let c = i / INNER % quads * 4u;
    let first = (i / INNER / quads * CHANNELS + c) * INNER + i % INNER;
    let values = vec4<f32>(unpack4xI8(x[i]) - vec4<i32>(ZERO)) * SCALE;
    for (var j = 0u; j < min(4u, CHANNELS - c); j++) {
        y[first + j * INNER] = values[j];
    }
}
