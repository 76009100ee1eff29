//! The uniform distribution.

use autograd::{Generator, Tensor, broadcast_tensors};

use super::{Distribution, Entropy, Kl, Reparameterized, uniform};

/// The uniform distribution over `[low, high)`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::distributions::{Distribution, Uniform};
/// let device = Device::named("cpu")?;
/// let p = Uniform::new(&Tensor::scalar(&device, 0.0), &Tensor::scalar(&device, 0.5));
/// let x = Tensor::from_slice(&device, &[0.25f32, 1.0], &[2])?;
/// assert_eq!(p.log_prob(&x).exp().to_vec::<f32>()?, [2.0, 0.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Uniform {
    /// Lower ends, which can be drawn; of the batch's shape.
    pub low: Tensor,
    /// Upper ends, which cannot be drawn; like `low`.
    pub high: Tensor,
}

impl Uniform {
    /// # Panics
    /// When the shapes do not broadcast.
    #[track_caller]
    pub fn new(low: &Tensor, high: &Tensor) -> Uniform {
        let [low, high] = broadcast_tensors([low, high]);
        Uniform { low, high }
    }
}

impl Distribution for Uniform {
    fn shape(&self) -> Vec<usize> {
        self.low.shape().to_vec()
    }

    fn sample(&self, generator: &Generator, shape: &[usize]) -> Tensor {
        self.rsample(generator, shape).detach()
    }

    fn log_prob(&self, value: &Tensor) -> Tensor {
        let outside = value.lt(&self.low).logical_or(value.ge(&self.high));
        (-self.entropy()).masked_fill(&outside, f32::NEG_INFINITY)
    }

    fn mean(&self) -> Tensor {
        (&self.low + &self.high) * 0.5
    }

    fn variance(&self) -> Tensor {
        (&self.high - &self.low).square() / 12.0
    }
}

impl Reparameterized for Uniform {
    fn rsample(&self, generator: &Generator, shape: &[usize]) -> Tensor {
        uniform(generator, shape, &self.low) * (&self.high - &self.low) + &self.low
    }
}

impl Entropy for Uniform {
    fn entropy(&self) -> Tensor {
        (&self.high - &self.low).log()
    }
}

impl Kl for Uniform {
    /// Infinite where `q` does not cover this.
    fn kl(&self, q: &Uniform) -> Tensor {
        let uncovered = q.low.gt(&self.low).logical_or(q.high.lt(&self.high));
        (q.entropy() - self.entropy()).masked_fill(&uncovered, f32::INFINITY)
    }
}
