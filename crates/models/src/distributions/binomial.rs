//! The binomial distribution.

use autograd::{DType, Generator, Tensor};

use super::{Bernoulli, Distribution, Entropy, Kl};

/// The binomial distribution: the number of successes in `total_count` independent trials.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::distributions::{Bernoulli, Binomial, Distribution};
/// let device = Device::named("cpu")?;
/// let p = Binomial::new(3, Bernoulli::from_probs(&Tensor::scalar(&device, 0.5)));
/// assert!((p.log_prob(&Tensor::scalar(&device, 2.0)).exp().item()? - 3.0 / 8.0).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Binomial {
    /// Number of trials.
    pub total_count: usize,
    /// The distribution of one trial.
    pub trial: Bernoulli,
}

impl Binomial {
    /// The number of successes in `total_count` trials, each distributed as `trial`.
    pub fn new(total_count: usize, trial: Bernoulli) -> Binomial {
        Binomial { total_count, trial }
    }

    fn count(&self) -> f32 {
        self.total_count as f32
    }
}

impl Distribution for Binomial {
    fn shape(&self) -> Vec<usize> {
        self.trial.shape()
    }

    /// Whole numbers (f32). Draws every trial.
    fn sample(&self, generator: &Generator, shape: &[usize]) -> Tensor {
        self.trial.sample(generator, &[&[self.total_count], shape].concat()).sum(&[0], false)
    }

    fn log_prob(&self, value: &Tensor) -> Tensor {
        let logits = &self.trial.logits;
        let factorial = |x: Tensor| (x + 1.0).lgamma();
        let rest = self.count() - value;
        let ways = factorial(Tensor::scalar(value.device(), self.count()))
            - factorial(value.clone())
            - factorial(rest.clone());
        // log(1 - p) = logsigmoid(-logits), which is logsigmoid(logits) - logits.
        ways + logits.logsigmoid() * self.count() - rest * logits
    }

    fn mean(&self) -> Tensor {
        self.trial.mean() * self.count()
    }

    fn variance(&self) -> Tensor {
        self.trial.variance() * self.count()
    }
}

impl Entropy for Binomial {
    /// Sums over all `total_count + 1` outcomes.
    fn entropy(&self) -> Tensor {
        let outcomes = Tensor::arange(self.trial.probs.device(), self.total_count + 1).to(DType::F32);
        let along: Vec<usize> =
            [self.total_count + 1].into_iter().chain(self.shape().iter().map(|_| 1)).collect();
        let log_probs = self.log_prob(&outcomes.reshape(&along));
        -(log_probs.exp() * log_probs).sum(&[0], false)
    }
}

impl Kl for Binomial {
    /// # Panics
    /// When the numbers of trials differ.
    fn kl(&self, q: &Binomial) -> Tensor {
        let (own, other) = (self.total_count, q.total_count);
        assert!(own == other, "Binomial: divergence of {own} trials from {other}");
        self.trial.kl(&q.trial) * self.count()
    }
}
