// Codes of f32 values (crates/gpu-core/src/kernels/int8/quantize.rs). One invocation computes a word, the codes of 4 channels.

// Words.
const COUNT: u32 = 1u;
const CHANNELS: u32 = 4u;
// Elements of a channel.
const INNER: u32 = 1u;
// The factor of values, and the code of 0.
const FACTOR: f32 = 1.0;
const ZERO: i32 = 0;

//!begin operands
@group(0) @binding(0) var<storage, read> x0: array<f32>;

fn load_x(i: u32) -> f32 {
    return x0[i];
}

@group(0) @binding(1) var<storage, read_write> y: array<u32>;
//!end operands

fn values(word: u32) -> vec4<f32> {
    //!begin values
    let quads = (CHANNELS + 3u) / 4u;
    let c = word / INNER % quads * 4u;
    let first = (word / INNER / quads * CHANNELS + c) * INNER + word % INNER;
    var values = vec4<f32>();
    for (var j = 0u; j < 4u; j++) {
        if (c + j < CHANNELS) {
            values[j] = load_x(first + j * INNER);
        }
    }
    return values;
    //!end values
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = gid.x + gid.y * groups.x * 64u;
    if (i >= COUNT) {
        return;
    }
    let low = vec4<f32>(f32(-128 - ZERO));
    let high = vec4<f32>(f32(127 - ZERO));
    y[i] = pack4xI8(vec4<i32>(clamp(round(values(i) * FACTOR), low, high)) + vec4<i32>(ZERO));
}
