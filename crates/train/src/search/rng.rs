//! Random numbers of a study: a function of its seed and of what they are for.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What numbers are for: those of different use have nothing in common.
#[derive(Clone, Copy)]
pub(super) enum Use {
    /// The values of a random trial.
    Values = 1,
    /// Candidates for expected improvement.
    Candidates = 2,
}

/// A stream of numbers for one trial.
pub(super) struct Draws(ChaCha8Rng);

impl Draws {
    pub fn new(seed: u64, what: Use, trial: usize) -> Draws {
        let mut key = [0; 32];
        for (bytes, word) in key.chunks_exact_mut(8).zip([seed, what as u64, trial as u64]) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Draws(ChaCha8Rng::from_seed(key))
    }

    /// A number in `[0, 1)`, in steps of 2^-53.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A standard normal number (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}
