//! The beta distribution.

use autograd::{Generator, Tensor, broadcast_tensors};

use super::{Distribution, Entropy, Kl};

/// The beta distribution over `(0, 1)`, with density proportional to `x^(a - 1) (1 - x)^(b - 1)` for `a = concentration1` and
/// `b = concentration0`, both above 0. Its samples have no gradients.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::distributions::{Beta, Distribution};
/// let device = Device::named("cpu")?;
/// let p = Beta::new(&Tensor::scalar(&device, 2.0), &Tensor::scalar(&device, 1.0));
/// // The density is 2 x.
/// assert!((p.log_prob(&Tensor::scalar(&device, 0.25)).item()? - 0.5f32.ln()).abs() < 1e-5);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Beta {
    /// `a`, of the batch's shape.
    pub concentration1: Tensor,
    /// `b`, of the batch's shape.
    pub concentration0: Tensor,
}

impl Beta {
    /// # Panics
    /// When the shapes do not broadcast.
    #[track_caller]
    pub fn new(concentration1: &Tensor, concentration0: &Tensor) -> Beta {
        let [concentration1, concentration0] = broadcast_tensors([concentration1, concentration0]);
        Beta { concentration1, concentration0 }
    }

    /// `a + b`
    #[track_caller]
    fn total(&self) -> Tensor {
        &self.concentration1 + &self.concentration0
    }

    /// The logarithm of the beta function, which normalises the density.
    #[track_caller]
    pub(super) fn log_beta(&self) -> Tensor {
        self.concentration1.lgamma() + self.concentration0.lgamma() - self.total().lgamma()
    }

    /// The expected logarithms of `x` and `1 - x`.
    #[track_caller]
    fn mean_logs(&self) -> [Tensor; 2] {
        let whole = self.total().digamma();
        [&self.concentration1, &self.concentration0].map(|c| c.digamma() - &whole)
    }
}

impl Distribution for Beta {
    fn shape(&self) -> Vec<usize> {
        self.concentration1.shape().to_vec()
    }

    fn sample(&self, generator: &Generator, shape: &[usize]) -> Tensor {
        let [one, zero] =
            [&self.concentration1, &self.concentration0].map(|c| generator.log_standard_gamma(c, shape));
        (one - zero).sigmoid()
    }

    fn log_prob(&self, value: &Tensor) -> Tensor {
        let [a, b] = [&self.concentration1, &self.concentration0].map(|c| c - 1.0);
        a.xlogy(value) + b.xlogy(&(1.0 - value)) - self.log_beta()
    }

    fn mean(&self) -> Tensor {
        &self.concentration1 / self.total()
    }

    fn variance(&self) -> Tensor {
        let total = self.total();
        &self.concentration1 * &self.concentration0 / (total.square() * (total + 1.0))
    }
}

impl Entropy for Beta {
    fn entropy(&self) -> Tensor {
        let [log, log_rest] = self.mean_logs();
        self.log_beta() - (&self.concentration1 - 1.0) * log - (&self.concentration0 - 1.0) * log_rest
    }
}

impl Kl for Beta {
    fn kl(&self, q: &Beta) -> Tensor {
        let [log, log_rest] = self.mean_logs();
        q.log_beta() - self.log_beta()
            + (&self.concentration1 - &q.concentration1) * log
            + (&self.concentration0 - &q.concentration0) * log_rest
    }
}
