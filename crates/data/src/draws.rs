//! Random numbers on the host that depend on their purpose alone, not on draws for others.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// The purpose of a stream of numbers: streams of different uses are independent.
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
    Fit = 14,
}

/// Random numbers of ChaCha8: a function of seed, epoch and item alone, the same on every version, platform and thread. Streams
/// of other seeds, epochs or items are independent.
///
/// ```
/// use data::Draws;
/// let mut draws = Draws::new(42, 0, 7);
/// let first = draws.between(-1.0, 1.0);
/// assert!((-1.0..1.0).contains(&first));
/// assert_eq!(Draws::new(42, 0, 7).between(-1.0, 1.0), first);
/// assert_ne!(Draws::new(42, 1, 7).between(-1.0, 1.0), first);
/// ```
#[derive(Debug)]
pub struct Draws {
    seed: u64,
    epoch: u64,
    item: u64,
    rng: ChaCha8Rng,
}

impl Draws {
    /// The numbers of item `index` in `epoch`: for augmenting it, or for any stream that two numbers identify.
    pub fn new(seed: u64, epoch: usize, index: u32) -> Draws {
        Draws::at(0, seed, epoch, index)
    }

    /// The numbers for the change at `place` of an item's list, so that one change does not affect the numbers of the next.
    pub(crate) fn at(place: usize, seed: u64, epoch: usize, index: u32) -> Draws {
        Draws::stream(seed, Use::Augment, epoch as u64, u64::from(index) | (place as u64) << 32)
    }

    /// ChaCha8 keyed by all four numbers.
    pub(crate) fn stream(seed: u64, what: Use, epoch: u64, item: u64) -> Draws {
        let mut key = [0; 32];
        for (bytes, word) in key.chunks_exact_mut(8).zip([seed, what as u64, epoch, item]) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Draws { seed, epoch, item, rng: ChaCha8Rng::from_seed(key) }
    }

    /// Whether the item is chosen: at random in the first epoch, then alternating from epoch to epoch.
    pub(crate) fn alternates(&self) -> bool {
        let index = self.item & u64::from(u32::MAX);
        let first = Draws::stream(self.seed, Use::Flip, 0, index).bits() >> 31 == 1;
        first != (self.epoch % 2 == 1)
    }

    /// 32 random bits.
    pub(crate) fn bits(&mut self) -> u32 {
        self.rng.next_u32()
    }

    /// A whole number below `n`, with a bias below `n / 2^32`; 0 if `n` is 0.
    pub fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.bits()) * u64::from(n)) >> 32) as u32
    }

    /// Uniform in `[low, high)`, in steps of 2^-24 of the span.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.bits() >> 8) as f32 / (1 << 24) as f32)
    }

    /// Uniform in `[0, 1)`, in steps of 2^-53.
    pub fn unit(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with probability `p`.
    pub fn happens(&mut self, p: impl Into<f64>) -> bool {
        self.unit() < p.into()
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        // 1 - u lies in (0, 1], so that the logarithm is finite.
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// One of the items, fewer than 2^32, all equally probable.
    ///
    /// ```
    /// let mut draws = data::Draws::new(42, 0, 7);
    /// let picked: Vec<&str> = (0..100).map(|_| *draws.pick(&["a", "b"])).collect();
    /// assert!(picked.contains(&"a") && picked.contains(&"b"));
    /// ```
    ///
    /// # Panics
    /// If there are none.
    #[track_caller]
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u32) as usize]
    }

    /// Shuffles the items, fewer than 2^32 (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u32 + 1) as usize);
        }
    }

    /// An index with probabilities proportional to `weights`.
    ///
    /// ```
    /// let mut draws = data::Draws::new(42, 0, 7);
    /// assert!((0..100).all(|_| draws.weighted(&[0.0, 2.0, 0.0]) == 1));
    /// ```
    ///
    /// # Panics
    /// If no weight is above 0, or their sum is not finite.
    #[track_caller]
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let sum: f64 = weights.iter().sum();
        assert!(sum > 0.0 && sum.is_finite(), "Draws: weights {weights:?}");
        let mut left = self.unit() * sum;
        let passed = weights.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        // Rounding may leave a remainder after the last weight.
        passed.or(weights.iter().rposition(|&weight| weight > 0.0)).unwrap_or(0)
    }

    /// An index with probabilities `softmax(logits)`.
    ///
    /// # Panics
    /// If there are none, or the largest is not finite.
    #[track_caller]
    pub fn categorical(&mut self, logits: &[f32]) -> usize {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f64> = logits.iter().map(|&logit| f64::from(logit - largest).exp()).collect();
        self.weighted(&weights)
    }

    /// Draws from the beta distribution of `a` and `b`, both above 0: the posterior of a probability after `a - 1` successes and
    /// `b - 1` failures, from a uniform prior.
    pub fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (x, y) = (self.log_gamma(a), self.log_gamma(b));
        1.0 / (1.0 + (y - x).exp())
    }

    /// `count` weights that sum to 1, drawn from the symmetric Dirichlet distribution of `concentration` above 0.
    ///
    /// ```
    /// let weights = data::Draws::new(42, 0, 7).dirichlet(0.5, 3);
    /// assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12 && weights.iter().all(|&w| w >= 0.0));
    /// ```
    pub fn dirichlet(&mut self, concentration: f64, count: usize) -> Vec<f64> {
        let logs: Vec<f64> = (0..count).map(|_| self.log_gamma(concentration)).collect();
        let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logs.iter().map(|log| (log - largest).exp()).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect()
    }

    /// The logarithm of a gamma variable of rate 1 (Marsaglia and Tsang 2000, "A simple method for generating gamma variables"):
    /// variables of small concentrations underflow.
    fn log_gamma(&mut self, concentration: f64) -> f64 {
        // The method needs a concentration of at least 1: it draws for one more, and a power of a uniform number corrects the result.
        let power = (1.0 - self.unit()).ln() / concentration;
        let d = concentration + 1.0 - 1.0 / 3.0;
        loop {
            let x = self.normal();
            let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
            if v > 0.0 && (1.0 - self.unit()).ln() < 0.5 * x * x + d * (1.0 - v + v.ln()) {
                return (d * v).ln() + power;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Draws;

    const COUNT: usize = 20_000;

    fn moments(mut draw: impl FnMut() -> f64) -> [f64; 2] {
        let values: Vec<f64> = (0..COUNT).map(|_| draw()).collect();
        let mean = values.iter().sum::<f64>() / COUNT as f64;
        [mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / COUNT as f64]
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut draws = Draws::new(3, 0, 0);
        let near = |[mean, variance]: [f64; 2], want: [f64; 2]| {
            assert!((mean - want[0]).abs() < 0.02 && (variance - want[1]).abs() < 0.03, "{mean} {variance}");
        };
        near(moments(|| draws.unit()), [0.5, 1.0 / 12.0]);
        near(moments(|| draws.normal()), [0.0, 1.0]);
        near(moments(|| draws.beta(1.0, 1.0)), [0.5, 1.0 / 12.0]);
        near(moments(|| draws.beta(2.0, 6.0)), [0.25, 12.0 / (64.0 * 9.0)]);
        near(moments(|| draws.beta(0.5, 0.5)), [0.5, 0.125]);
        near(moments(|| draws.categorical(&[0.0, 3f32.ln()]) as f64), [0.75, 0.1875]);
        near(moments(|| f64::from(u8::from(draws.happens(0.25)))), [0.25, 0.1875]);
    }
}
