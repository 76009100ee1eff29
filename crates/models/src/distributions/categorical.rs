//! The categorical distribution.

use autograd::{Generator, Tensor, broadcast_tensors};

use super::{Distribution, Entropy, Kl, uniform};

/// The categorical distribution over `0..K`, with probabilities `softmax(logits)` for `logits [batch.., K]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::distributions::{Categorical, Distribution};
/// let device = Device::named("cpu")?;
/// let logits = Tensor::from_slice(&device, &[1.0f32, 3.0, 4.0], &[3])?.log();
/// let p = Categorical::new(&logits);
/// let two = Tensor::from_slice(&device, &[2i32], &[])?;
/// assert!((p.log_prob(&two).item()? - 0.5f32.ln()).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Categorical {
    /// Logarithms of the probabilities, `[batch.., K]`.
    pub logits: Tensor,
}

impl Categorical {
    /// # Panics
    /// When there are no categories.
    #[track_caller]
    pub fn new(logits: &Tensor) -> Categorical {
        let fits = logits.rank() > 0 && logits.size(-1) > 0;
        assert!(fits, "Categorical: logits {:?} are not [.., K]", logits.shape());
        Categorical { logits: logits.log_softmax(-1) }
    }

    /// The probabilities, `[batch.., K]`.
    #[track_caller]
    pub fn probs(&self) -> Tensor {
        self.logits.exp()
    }
}

impl Distribution for Categorical {
    /// The batch shape, without the dimension of the categories.
    fn shape(&self) -> Vec<usize> {
        self.logits.shape()[..self.logits.rank() - 1].to_vec()
    }

    /// Category indices (i32).
    fn sample(&self, generator: &Generator, shape: &[usize]) -> Tensor {
        // Gumbel's trick: of exponential waiting times with these probabilities as rates, the index of the first.
        let waits = -uniform(generator, shape, &self.logits).log();
        (self.logits.detach() - waits.log()).argmax(-1, false)
    }

    fn log_prob(&self, value: &Tensor) -> Tensor {
        let [value, _] = broadcast_tensors([value, &self.logits.select(-1, 0)]);
        let logits = self.logits.expand(&[value.shape(), &[self.logits.size(-1)]].concat());
        logits.gather(-1, &value.unsqueeze(-1)).squeeze(&[-1])
    }

    /// NaN, as in torch: categories have no mean.
    fn mean(&self) -> Tensor {
        Tensor::full(self.logits.device(), f32::NAN, &self.shape())
    }

    /// NaN, as in torch: categories have no variance.
    fn variance(&self) -> Tensor {
        self.mean()
    }
}

impl Entropy for Categorical {
    fn entropy(&self) -> Tensor {
        // Clamped to finite values, so that impossible categories contribute 0.
        -(self.probs() * self.logits.clamp_min(f32::MIN)).sum(&[-1], false)
    }
}

impl Kl for Categorical {
    /// Infinite if `q` gives probability 0 to a category that is possible here.
    fn kl(&self, q: &Categorical) -> Tensor {
        let ratio = self.logits.clamp_min(f32::MIN) - &q.logits;
        let impossible = self.logits.eq(f32::NEG_INFINITY);
        (self.probs() * ratio.masked_fill(&impossible, 0.0)).sum(&[-1], false)
    }
}
