//! The Laplace distribution.

use autograd::{Generator, Tensor, broadcast_tensors};

use super::{Distribution, Entropy, Kl, Reparameterized, uniform};

/// The Laplace distribution with mean `loc`: the distance from the mean is exponential with mean `scale`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::distributions::{Distribution, Laplace};
/// let device = Device::named("cpu")?;
/// let p = Laplace::new(&Tensor::scalar(&device, 1.0), &Tensor::scalar(&device, 2.0));
/// assert_eq!(p.log_prob(&Tensor::scalar(&device, 1.0)).item()?, 0.25f32.ln());
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Laplace {
    /// Means, of the batch's shape.
    pub loc: Tensor,
    /// Mean distances from the mean, above 0, like `loc`.
    pub scale: Tensor,
}

impl Laplace {
    /// # Panics
    /// When the shapes do not broadcast.
    #[track_caller]
    pub fn new(loc: &Tensor, scale: &Tensor) -> Laplace {
        let [loc, scale] = broadcast_tensors([loc, scale]);
        Laplace { loc, scale }
    }
}

impl Distribution for Laplace {
    fn shape(&self) -> Vec<usize> {
        self.loc.shape().to_vec()
    }

    fn sample(&self, generator: &Generator, shape: &[usize]) -> Tensor {
        self.rsample(generator, shape).detach()
    }

    fn log_prob(&self, value: &Tensor) -> Tensor {
        -(value - &self.loc).abs() / &self.scale - (&self.scale * 2.0).log()
    }

    fn mean(&self) -> Tensor {
        self.loc.clone()
    }

    fn variance(&self) -> Tensor {
        self.scale.square() * 2.0
    }
}

impl Reparameterized for Laplace {
    fn rsample(&self, generator: &Generator, shape: &[usize]) -> Tensor {
        // Symmetric and inside (-1, 1): uniform numbers are multiples of 2^-24.
        let u = uniform(generator, shape, &self.loc) * 2.0 - (1.0 - 2f32.powi(-24));
        &self.loc - u.sign() * (-u.abs()).log1p() * &self.scale
    }
}

impl Entropy for Laplace {
    fn entropy(&self) -> Tensor {
        (&self.scale * 2.0).log() + 1.0
    }
}

impl Kl for Laplace {
    fn kl(&self, q: &Laplace) -> Tensor {
        let ratio = &self.scale / &q.scale;
        let distance = (&self.loc - &q.loc).abs();
        &distance / &q.scale + &ratio * (-&distance / &self.scale).exp() - 1.0 - ratio.log()
    }
}
