//! The Bernoulli distribution.

use autograd::{DType, Generator, Tensor};

use super::{Distribution, Entropy, Kl, uniform};

/// The Bernoulli distribution: 1 with probability `probs = sigmoid(logits)`, else 0.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::distributions::{Bernoulli, Distribution, Entropy};
/// let device = Device::named("cpu")?;
/// let p = Bernoulli::from_probs(&Tensor::scalar(&device, 0.25));
/// assert!((p.log_prob(&Tensor::scalar(&device, 1.0)).item()? - 0.25f32.ln()).abs() < 1e-6);
/// let fair = Bernoulli::from_logits(&Tensor::scalar(&device, 0.0));
/// assert!((fair.entropy().item()? - 2f32.ln()).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Bernoulli {
    /// Probabilities of 1, in `0..=1`; any shape.
    pub probs: Tensor,
    /// Log-odds of 1, like `probs`.
    pub logits: Tensor,
}

impl Bernoulli {
    /// From probabilities. As in torch, logits are computed from probabilities clamped to the open interval (0, 1).
    #[track_caller]
    pub fn from_probs(probs: &Tensor) -> Bernoulli {
        let inner = probs.clamp(f32::EPSILON, 1.0 - f32::EPSILON);
        Bernoulli { probs: probs.clone(), logits: inner.log() - (-inner).log1p() }
    }

    /// From log-odds.
    #[track_caller]
    pub fn from_logits(logits: &Tensor) -> Bernoulli {
        Bernoulli { probs: logits.sigmoid(), logits: logits.clone() }
    }
}

impl Distribution for Bernoulli {
    fn shape(&self) -> Vec<usize> {
        self.probs.shape().to_vec()
    }

    /// 0 or 1 (f32).
    fn sample(&self, generator: &Generator, shape: &[usize]) -> Tensor {
        uniform(generator, shape, &self.probs).lt(&self.probs).to(DType::F32)
    }

    fn log_prob(&self, value: &Tensor) -> Tensor {
        self.logits.logsigmoid() - (1.0 - value) * &self.logits
    }

    fn mean(&self) -> Tensor {
        self.probs.clone()
    }

    fn variance(&self) -> Tensor {
        &self.probs * (1.0 - &self.probs)
    }
}

impl Entropy for Bernoulli {
    fn entropy(&self) -> Tensor {
        -self.log_prob(&self.probs)
    }
}

impl Kl for Bernoulli {
    fn kl(&self, q: &Bernoulli) -> Tensor {
        self.log_prob(&self.probs) - q.log_prob(&self.probs)
    }
}
