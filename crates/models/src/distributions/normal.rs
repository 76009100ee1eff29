//! The normal distribution.

use std::f32::consts::TAU;

use autograd::{Generator, Tensor, broadcast_tensors};

use super::{Distribution, Entropy, Kl, Reparameterized};

/// The normal distribution of mean `loc` and standard deviation `scale > 0`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::distributions::{Distribution, Normal};
/// let device = Device::named("cpu")?;
/// let p = Normal::new(&Tensor::scalar(&device, 1.0), &Tensor::scalar(&device, 2.0));
/// // -log(2 sqrt(2 pi)) - 1/2
/// assert!((p.log_prob(&Tensor::scalar(&device, 3.0)).item()? + 2.112_085_7).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Normal {
    /// Means, of the batch's shape.
    pub loc: Tensor,
    /// Standard deviations, above 0, like `loc`.
    pub scale: Tensor,
}

impl Normal {
    /// # Panics
    /// When the shapes do not broadcast.
    #[track_caller]
    pub fn new(loc: &Tensor, scale: &Tensor) -> Normal {
        let [loc, scale] = broadcast_tensors([loc, scale]);
        Normal { loc, scale }
    }
}

impl Distribution for Normal {
    fn shape(&self) -> Vec<usize> {
        self.loc.shape().to_vec()
    }

    fn sample(&self, generator: &Generator, shape: &[usize]) -> Tensor {
        self.rsample(generator, shape).detach()
    }

    fn log_prob(&self, value: &Tensor) -> Tensor {
        let z = (value - &self.loc) / &self.scale;
        z.square() * -0.5 - self.scale.log() - 0.5 * TAU.ln()
    }

    fn mean(&self) -> Tensor {
        self.loc.clone()
    }

    fn variance(&self) -> Tensor {
        self.scale.square()
    }
}

impl Reparameterized for Normal {
    fn rsample(&self, generator: &Generator, shape: &[usize]) -> Tensor {
        let noise = generator.normal(self.loc.device(), &[shape, self.loc.shape()].concat());
        noise * &self.scale + &self.loc
    }
}

impl Entropy for Normal {
    fn entropy(&self) -> Tensor {
        self.scale.log() + 0.5 * (1.0 + TAU.ln())
    }
}

impl Kl for Normal {
    fn kl(&self, q: &Normal) -> Tensor {
        let ratio = (&self.scale / &q.scale).square();
        let distance = ((&self.loc - &q.loc) / &q.scale).square();
        (&ratio + distance - 1.0 - ratio.log()) * 0.5
    }
}
