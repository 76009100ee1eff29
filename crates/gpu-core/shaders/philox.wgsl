// Philox 4x32-10 (Salmon et al. 2011), the same words as crates/gpu-core/src/philox.rs. 64-bit numbers are vec2(low, high).
// philox_normal needs math.wgsl.

// Low and high word of a * b, from products of 16-bit halves.
fn mul_wide(a: u32, b: u32) -> vec2<u32> {
    let al = a & 0xffffu;
    let ah = a >> 16u;
    let bl = b & 0xffffu;
    let bh = b >> 16u;
    let lh = al * bh;
    let hl = ah * bl;
    let middle = ((al * bl) >> 16u) + (lh & 0xffffu) + (hl & 0xffffu);
    return vec2<u32>(a * b, ah * bh + (lh >> 16u) + (hl >> 16u) + (middle >> 16u));
}

// Four random words for counter (counter, stream) under key.
fn philox(key: vec2<u32>, counter: vec2<u32>, stream: vec2<u32>) -> vec4<u32> {
    var k = key;
    var c = vec4<u32>(counter, stream);
    for (var i = 0u; i < 10u; i++) {
        let a = mul_wide(c.x, 0xD2511F53u);
        let b = mul_wide(c.z, 0xCD9E8D57u);
        c = vec4<u32>(b.y ^ c.y ^ k.x, b.x, a.y ^ c.w ^ k.y, a.x);
        k = k + vec2<u32>(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}

// A word as a number in [0, 1): its upper 24 bits over 2^24.
fn philox_uniform(word: u32) -> f32 {
    return f32(word >> 8u) * 5.9604644775390625e-8;
}

// Two words as two independent standard normal numbers (Box and Muller 1958).
fn philox_normal(a: u32, b: u32) -> vec2<f32> {
    let radius = sqrt(-2.0 * log_exact(1.0 - philox_uniform(a)));
    let angle = 6.283185307179586 * philox_uniform(b);
    return radius * vec2<f32>(cos_exact(angle), sin_exact(angle));
}
