//! The exponential distribution.

use autograd::{Generator, Tensor};

use super::{Distribution, Entropy, Kl, Reparameterized, uniform};

/// The exponential distribution: waiting times of mean `1 / rate`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::distributions::{Distribution, Exponential};
/// let device = Device::named("cpu")?;
/// let p = Exponential::new(&Tensor::scalar(&device, 2.0));
/// let x = Tensor::from_slice(&device, &[0.0f32, -1.0], &[2])?;
/// assert_eq!(p.log_prob(&x).exp().to_vec::<f32>()?, [2.0, 0.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Exponential {
    /// Rates, above 0; any shape.
    pub rate: Tensor,
}

impl Exponential {
    /// A batch of distributions with these rates, above 0.
    pub fn new(rate: &Tensor) -> Exponential {
        Exponential { rate: rate.clone() }
    }
}

impl Distribution for Exponential {
    fn shape(&self) -> Vec<usize> {
        self.rate.shape().to_vec()
    }

    fn sample(&self, generator: &Generator, shape: &[usize]) -> Tensor {
        self.rsample(generator, shape).detach()
    }

    fn log_prob(&self, value: &Tensor) -> Tensor {
        (self.rate.log() - value * &self.rate).masked_fill(&value.lt(0.0), f32::NEG_INFINITY)
    }

    fn mean(&self) -> Tensor {
        self.rate.reciprocal()
    }

    fn variance(&self) -> Tensor {
        self.rate.square().reciprocal()
    }
}

impl Reparameterized for Exponential {
    fn rsample(&self, generator: &Generator, shape: &[usize]) -> Tensor {
        -(-uniform(generator, shape, &self.rate)).log1p() / &self.rate
    }
}

impl Entropy for Exponential {
    fn entropy(&self) -> Tensor {
        1.0 - self.rate.log()
    }
}

impl Kl for Exponential {
    fn kl(&self, q: &Exponential) -> Tensor {
        let ratio = &q.rate / &self.rate;
        &ratio - 1.0 - ratio.log()
    }
}
