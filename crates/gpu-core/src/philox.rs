//! Philox 4x32-10, the counter-based generator behind all random numbers (Salmon et al. 2011, "Parallel random numbers:
//! as easy as 1, 2, 3"). `shaders/philox.wgsl` computes the same numbers on a GPU.

/// Four random words for counter `(counter, stream)` under `key`. A value depends on nothing but these.
///
/// ```
/// // Known-answer vector of the Random123 library: all-zero counter and key.
/// let words = gpu_core::philox::philox(0, 0, 0);
/// assert_eq!(words, [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
/// ```
pub fn philox(key: u64, counter: u64, stream: u64) -> [u32; 4] {
    let (mut k0, mut k1) = (key as u32, (key >> 32) as u32);
    let mut c = [counter as u32, (counter >> 32) as u32, stream as u32, (stream >> 32) as u32];
    for round in 0..10 {
        if round > 0 {
            k0 = k0.wrapping_add(0x9E37_79B9);
            k1 = k1.wrapping_add(0xBB67_AE85);
        }
        let a = u64::from(c[0]) * 0xD251_1F53;
        let b = u64::from(c[2]) * 0xCD9E_8D57;
        c = [(b >> 32) as u32 ^ c[1] ^ k0, b as u32, (a >> 32) as u32 ^ c[3] ^ k1, a as u32];
    }
    c
}

/// A word as a number in `[0, 1)`: its upper 24 bits over 2^24.
pub fn uniform(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// Two words as two independent standard normal numbers (Box and Muller 1958).
pub fn normal(a: u32, b: u32) -> [f32; 2] {
    // 1 - u lies in (0, 1], so that the logarithm is finite.
    let radius = (-2.0 * (1.0 - uniform(a)).ln()).sqrt();
    let (sin, cos) = (std::f32::consts::TAU * uniform(b)).sin_cos();
    [radius * cos, radius * sin]
}
