//! Drawing a token from its logits.

use gpu_core::philox;

/// Draws tokens by their probabilities, optionally sharpened or truncated. The generator is Philox 4x32-10, so that a seed gives the same
/// tokens on every platform.
///
/// ```
/// use models::Sampler;
/// let logits = [1.0, 3.0, 2.0, -1.0];
/// assert_eq!(Sampler::new(0).temperature(0.0).draw(&logits), 1);
/// let mut two = Sampler::new(7).top_k(2);
/// assert!((0..100).map(|_| two.draw(&logits)).all(|token| token == 1 || token == 2));
/// ```
#[derive(Clone, Debug)]
pub struct Sampler {
    seed: u64,
    draws: u64,
    temperature: f32,
    top_k: Option<usize>,
    top_p: f32,
}

impl Sampler {
    /// Draws by the unmodified probabilities.
    pub fn new(seed: u64) -> Sampler {
        Sampler { seed, draws: 0, temperature: 1.0, top_k: None, top_p: 1.0 }
    }

    /// Divides logits by `temperature`; at 0 the most probable token is always chosen.
    ///
    /// # Panics
    /// When it is negative.
    #[track_caller]
    pub fn temperature(self, temperature: f32) -> Sampler {
        assert!(temperature >= 0.0, "Sampler: temperature {temperature}");
        Sampler { temperature, ..self }
    }

    /// Draws only from the `k` most probable tokens (Fan, Lewis and Dauphin 2018).
    ///
    /// # Panics
    /// When `k` is 0.
    #[track_caller]
    pub fn top_k(self, k: usize) -> Sampler {
        assert!(k > 0, "Sampler: the 0 most probable tokens");
        Sampler { top_k: Some(k), ..self }
    }

    /// Draws only from the most probable tokens that together have probability `p` (Holtzman et al. 2020).
    ///
    /// # Panics
    /// When `p` is not in `0..=1`.
    #[track_caller]
    pub fn top_p(self, p: f32) -> Sampler {
        assert!((0.0..=1.0).contains(&p), "Sampler: a share of {p}");
        Sampler { top_p: p, ..self }
    }

    /// Draws a token given its logits `[vocab]`.
    ///
    /// # Panics
    /// When there are no logits.
    #[track_caller]
    pub fn draw(&mut self, logits: &[f32]) -> i32 {
        assert!(!logits.is_empty(), "Sampler: no logits");
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        order.truncate(self.top_k.unwrap_or(usize::MAX));
        if self.temperature == 0.0 {
            return order[0] as i32;
        }
        let largest = logits[order[0]];
        let weight = |i: &usize| f64::from((logits[*i] - largest) / self.temperature).exp();
        let mut weights: Vec<f64> = order.iter().map(weight).collect();
        let (all, mut sum) = (weights.iter().sum::<f64>(), 0.0);
        let within = |w: &&f64| {
            let before = sum;
            sum += **w;
            before < all * f64::from(self.top_p)
        };
        let kept = weights.iter().take_while(within).count().max(1);
        weights.truncate(kept);
        let [word, ..] = philox::philox(self.seed, self.draws, 0);
        self.draws += 1;
        let mut left = f64::from(philox::uniform(word)) * weights.iter().sum::<f64>();
        let passed = weights.iter().position(|w| {
            left -= w;
            left < 0.0
        });
        order[passed.unwrap_or(kept - 1)] as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 3] = [0.0, 1.0, -1.0];

    fn shares(mut sampler: Sampler) -> [f64; 3] {
        let mut counts = [0; 3];
        (0..4000).for_each(|_| counts[sampler.draw(&LOGITS) as usize] += 1);
        counts.map(|count| f64::from(count) / 4000.0)
    }

    fn near(got: [f64; 3], scaled: [f64; 3]) {
        let sum: f64 = scaled.iter().map(|l| l.exp()).sum();
        for (got, logit) in got.iter().zip(scaled) {
            assert!((got - logit.exp() / sum).abs() < 0.03, "{got} for a logit of {logit}");
        }
    }

    #[test]
    fn shares_follow_the_probabilities() {
        near(shares(Sampler::new(1)), [0.0, 1.0, -1.0]);
        near(shares(Sampler::new(2).temperature(0.5)), [0.0, 2.0, -2.0]);
        near(shares(Sampler::new(3).top_k(2)), [0.0, 1.0, f64::NEG_INFINITY]);
    }

    #[test]
    fn a_share_keeps_the_token_that_reaches_it() {
        // The probabilities are .245, .665 and .090.
        assert_eq!(shares(Sampler::new(4).top_p(0.6))[1], 1.0);
        near(shares(Sampler::new(5).top_p(0.7)), [0.0, 1.0, f64::NEG_INFINITY]);
    }

    #[test]
    fn a_seed_repeats_itself() {
        let tokens = |seed| {
            let mut sampler = Sampler::new(seed);
            (0..50).map(|_| sampler.draw(&LOGITS)).collect::<Vec<_>>()
        };
        assert_eq!(tokens(6), tokens(6));
        assert_ne!(tokens(6), tokens(7));
    }
}
