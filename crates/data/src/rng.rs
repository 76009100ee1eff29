//! Random numbers that depend on what they are for, not on who asked before.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream of numbers is for: streams of different use never meet.
#[derive(Clone, Copy)]
pub(crate) enum Use {
    Shuffle = 1,
    Augment = 2,
    Synthetic = 3,
    Flip = 4,
    Digits = 5,
    Windows = 6,
    Split = 7,
    Sampler = 8,
    Resample = 9,
    Smote = 10,
    Buckets = 11,
    Scenes = 12,
    Glyphs = 13,
}

/// ChaCha8 keyed by all four numbers: the same on every version, platform and thread.
pub(crate) fn stream(seed: u64, what: Use, a: u64, b: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip([seed, what as u64, a, b]) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// A whole number below `n`, by multiply and shift; its bias is below `n / 2^32`.
pub(crate) fn below(rng: &mut impl Rng, n: u32) -> u32 {
    ((u64::from(rng.next_u32()) * u64::from(n)) >> 32) as u32
}

/// A number in `[low, high)`, in steps of 2^-24 of the span.
pub(crate) fn between(rng: &mut impl Rng, low: f32, high: f32) -> f32 {
    low + (high - low) * ((rng.next_u32() >> 8) as f32 / (1 << 24) as f32)
}

/// A number in `[0, 1)`, in steps of 2^-53.
pub(crate) fn unit(rng: &mut impl Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Brings the items, fewer than 2^32, into a random order (Fisher-Yates).
pub(crate) fn shuffle<T>(rng: &mut impl Rng, items: &mut [T]) {
    for i in (1..items.len()).rev() {
        items.swap(i, below(rng, i as u32 + 1) as usize);
    }
}
