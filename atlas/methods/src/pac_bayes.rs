//! PAC-Bayes bounds of the error of a randomised classifier (McAllester 1999; Seeger 2002; Maurer 2004).

/// The divergence of two Bernoulli distributions, `q log(q / p) + (1 - q) log((1 - q) / (1 - p))`.
pub fn bernoulli_kl(q: f64, p: f64) -> f64 {
    let term = |q: f64, p: f64| if q == 0.0 { 0.0 } else { q * (q / p).ln() };
    term(q, p) + term(1.0 - q, 1.0 - p)
}

/// The largest probability whose divergence from `q` is at most `budget`.
///
/// ```
/// use methods::pac_bayes::{bernoulli_kl, kl_inverse};
/// assert!((bernoulli_kl(0.1, kl_inverse(0.1, 0.05)) - 0.05).abs() < 1e-9);
/// // Without an error, log(1 / (1 - p)).
/// assert!((kl_inverse(0.0, 0.5) - (1.0 - (-0.5f64).exp())).abs() < 1e-12);
/// ```
pub fn kl_inverse(q: f64, budget: f64) -> f64 {
    let (mut low, mut high) = (q, 1.0);
    for _ in 0..100 {
        let middle = (low + high) / 2.0;
        if bernoulli_kl(q, middle) > budget { high = middle } else { low = middle }
    }
    low
}

/// What `count` examples say about a classifier drawn from a posterior, with probability `1 - delta` over the examples and for all posteriors
/// at once, if the prior was chosen without them.
///
/// ```
/// use methods::pac_bayes::PacBayes;
/// let found = PacBayes { error: 0.05, kl: 100.0, count: 10_000, delta: 0.05 };
/// // Pinsker's inequality: the divergence's bound is at most the root's.
/// assert!(0.05 < found.seeger() && found.seeger() < found.mcallester());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PacBayes {
    /// The mean error on the examples of classifiers drawn from the posterior, or a bound of it.
    pub error: f64,
    /// The divergence of the posterior from the prior.
    pub kl: f64,
    /// The number of examples.
    pub count: usize,
    /// The probability with which the bound may be wrong.
    pub delta: f64,
}

impl PacBayes {
    /// `(KL + log(2 sqrt(n) / delta)) / n`: the most by which error and true error diverge (Maurer 2004, theorem 5).
    pub fn budget(&self) -> f64 {
        let n = self.count as f64;
        (self.kl + (2.0 * n.sqrt() / self.delta).ln()) / n
    }

    /// The bound of the true error by the divergence of Bernoulli distributions.
    pub fn seeger(&self) -> f64 {
        kl_inverse(self.error, self.budget())
    }

    /// `error + sqrt(budget / 2)`.
    pub fn mcallester(&self) -> f64 {
        self.error + (self.budget() / 2.0).sqrt()
    }
}
