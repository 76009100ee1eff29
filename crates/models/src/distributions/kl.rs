//! Kullback-Leibler divergences: the trait, and those between distributions of different kinds.

use std::f32::consts::{PI, TAU};

use autograd::Tensor;

use super::{Beta, Entropy, Exponential, Laplace, Normal, Uniform};

/// Pairs of distributions with a closed form of [`kl_divergence`].
pub trait Kl<Q = Self> {
    /// Computes [`kl_divergence`].
    #[track_caller]
    fn kl(&self, q: &Q) -> Tensor;
}

/// The Kullback-Leibler divergence of `p` from `q`, `E_p[log p(x) - log q(x)]`: `[batch..]`, in nats (Kullback and Leibler
/// 1951). As `torch.distributions.kl_divergence`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::distributions::{Exponential, kl_divergence};
/// let device = Device::named("cpu")?;
/// let [p, q] = [1.0, 2.0].map(|rate| Exponential::new(&Tensor::scalar(&device, rate)));
/// assert!((kl_divergence(&p, &q).item()? - (1.0 - 2f32.ln())).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the batches do not broadcast.
#[track_caller]
pub fn kl_divergence<P: Kl<Q>, Q>(p: &P, q: &Q) -> Tensor {
    p.kl(q)
}

impl Kl<Laplace> for Normal {
    fn kl(&self, q: &Laplace) -> Tensor {
        let z = (&self.loc - &q.loc) / &self.scale;
        // The expected distance of a normal variable from the other distribution's mean.
        let near = (z.square() * -0.5).exp() * (2.0 / PI).sqrt();
        let distance = &self.scale * (near + &z * (&z * 0.5f32.sqrt()).erf());
        distance / &q.scale + (&q.scale * 2.0).log() - self.entropy()
    }
}

impl Kl<Normal> for Laplace {
    fn kl(&self, q: &Normal) -> Tensor {
        from_normal(self, q)
    }
}

impl Kl<Normal> for Uniform {
    fn kl(&self, q: &Normal) -> Tensor {
        from_normal(self, q)
    }
}

impl Kl<Normal> for Exponential {
    fn kl(&self, q: &Normal) -> Tensor {
        from_normal(self, q)
    }
}

impl Kl<Normal> for Beta {
    fn kl(&self, q: &Normal) -> Tensor {
        from_normal(self, q)
    }
}

/// For any `p` of known entropy: a normal log-density needs only the mean and variance of `p`.
#[track_caller]
fn from_normal(p: &impl Entropy, q: &Normal) -> Tensor {
    let square = p.variance() + (p.mean() - &q.loc).square();
    square / (q.scale.square() * 2.0) + q.scale.log() + 0.5 * TAU.ln() - p.entropy()
}

impl Kl<Exponential> for Uniform {
    /// Infinite where the support of `self` extends below 0.
    fn kl(&self, q: &Exponential) -> Tensor {
        from_exponential(self, q).masked_fill(&self.low.lt(0.0), f32::INFINITY)
    }
}

impl Kl<Exponential> for Beta {
    fn kl(&self, q: &Exponential) -> Tensor {
        from_exponential(self, q)
    }
}

/// For any `p` on positive numbers with known entropy.
#[track_caller]
fn from_exponential(p: &impl Entropy, q: &Exponential) -> Tensor {
    p.mean() * &q.rate - q.rate.log() - p.entropy()
}

impl Kl<Uniform> for Beta {
    /// Infinite where `q` does not cover `0..1`.
    fn kl(&self, q: &Uniform) -> Tensor {
        let uncovered = q.low.gt(0.0).logical_or(q.high.lt(1.0));
        (q.entropy() - self.entropy()).masked_fill(&uncovered, f32::INFINITY)
    }
}

impl Kl<Beta> for Uniform {
    /// Infinite where the support of `self` extends beyond `0..1`.
    fn kl(&self, q: &Beta) -> Tensor {
        // The expected logarithms of uniform `x` and of `1 - x`.
        let mean_log = |low: &Tensor, high: &Tensor| (high.xlogy(high) - low.xlogy(low)) / (high - low) - 1.0;
        let logs = mean_log(&self.low, &self.high);
        let rests = mean_log(&(1.0 - &self.high), &(1.0 - &self.low));
        let likely = (&q.concentration1 - 1.0) * logs + (&q.concentration0 - 1.0) * rests - q.log_beta();
        let outside = self.low.lt(0.0).logical_or(self.high.gt(1.0));
        (-self.entropy() - likely).masked_fill(&outside, f32::INFINITY)
    }
}
