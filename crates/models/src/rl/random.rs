//! Random numbers on the host, for environments, bandits and searches.

use gpu_core::philox;

/// Apart from the streams of other users of a seed.
const STREAM: u64 = 0x726c;

/// Random numbers by Philox 4x32-10: those of a seed are the same everywhere, and those of another stream are independent.
///
/// ```
/// use models::rl::Random;
/// let mut random = Random::new(42, 0);
/// let first = random.unit();
/// assert!((0.0..1.0).contains(&first));
/// assert_eq!(Random::new(42, 0).unit(), first);
/// assert_ne!(Random::new(42, 1).unit(), first);
/// ```
#[derive(Clone, Debug)]
pub struct Random {
    seed: u64,
    stream: u64,
    draws: u64,
}

impl Random {
    pub fn new(seed: u64, stream: u32) -> Random {
        Random { seed, stream: STREAM << 32 | u64::from(stream), draws: 0 }
    }

    /// Uniform in `[0, 1)`, in steps of 2^-53.
    pub fn unit(&mut self) -> f64 {
        let [high, low, ..] = philox::philox(self.seed, self.draws, self.stream);
        self.draws += 1;
        let bits = (u64::from(high) << 32 | u64::from(low)) >> 11;
        bits as f64 / (1u64 << 53) as f64
    }

    /// Uniform in `[low, high)`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number below `n`.
    ///
    /// # Panics
    /// When `n` is 0.
    #[track_caller]
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "Random: a number below 0");
        // The product may round up to n.
        ((self.unit() * n as f64) as usize).min(n - 1)
    }

    /// True with probability `p`.
    pub fn happens(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        // 1 - u lies in (0, 1], so that the logarithm is finite.
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Gamma of rate 1 and `shape` of at least 1 (Marsaglia and Tsang 2000).
    fn gamma(&mut self, shape: f64) -> f64 {
        let d = shape - 1.0 / 3.0;
        loop {
            let x = self.normal();
            let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
            if v > 0.0 && (1.0 - self.unit()).ln() < 0.5 * x * x + d * (1.0 - v + v.ln()) {
                return d * v;
            }
        }
    }

    /// Beta with parameters of at least 1, as the posterior of a probability after counted successes and failures.
    ///
    /// # Panics
    /// When a parameter is below 1.
    #[track_caller]
    pub fn beta(&mut self, a: f64, b: f64) -> f64 {
        assert!(a >= 1.0 && b >= 1.0, "Random: beta({a}, {b})");
        let (x, y) = (self.gamma(a), self.gamma(b));
        x / (x + y)
    }

    /// An index with probabilities proportional to `weights`.
    ///
    /// # Panics
    /// When no weight is above 0.
    #[track_caller]
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let sum: f64 = weights.iter().sum();
        assert!(sum > 0.0, "Random: weights {weights:?}");
        let mut left = self.unit() * sum;
        let passed = weights.iter().position(|weight| {
            left -= weight;
            left < 0.0
        });
        // Rounding may leave a little after the last.
        passed.or(weights.iter().rposition(|&weight| weight > 0.0)).unwrap_or(0)
    }

    /// An index with probabilities `softmax(logits)`.
    ///
    /// # Panics
    /// When there are none, or none is finite.
    #[track_caller]
    pub fn categorical(&mut self, logits: &[f32]) -> usize {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f64> = logits.iter().map(|&logit| f64::from(logit - largest).exp()).collect();
        self.weighted(&weights)
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    const COUNT: usize = 20_000;

    fn moments(mut draw: impl FnMut() -> f64) -> [f64; 2] {
        let values: Vec<f64> = (0..COUNT).map(|_| draw()).collect();
        let mean = values.iter().sum::<f64>() / COUNT as f64;
        [mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / COUNT as f64]
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut random = Random::new(3, 0);
        let near = |[mean, variance]: [f64; 2], want: [f64; 2]| {
            assert!((mean - want[0]).abs() < 0.02 && (variance - want[1]).abs() < 0.03, "{mean} {variance}");
        };
        near(moments(|| random.unit()), [0.5, 1.0 / 12.0]);
        near(moments(|| random.normal()), [0.0, 1.0]);
        near(moments(|| random.beta(1.0, 1.0)), [0.5, 1.0 / 12.0]);
        near(moments(|| random.beta(2.0, 6.0)), [0.25, 12.0 / (64.0 * 9.0)]);
        near(moments(|| random.categorical(&[0.0, 3f32.ln()]) as f64), [0.75, 0.1875]);
        assert_eq!((0..50).filter(|_| random.weighted(&[0.0, 2.0, 0.0]) != 1).count(), 0);
    }
}
