//! Mixtures of distributions of one family.

use autograd::{Generator, Tensor};

use super::{Categorical, Distribution};

/// A mixture of `K` components: `mixture` is a [`Categorical`] of batch `[batch..]` with `K` categories, `components` a distribution of
/// batch `[batch.., K]`. As `torch.distributions.MixtureSameFamily`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::distributions::{Categorical, Distribution, MixtureSameFamily, Normal};
/// let device = Device::named("cpu")?;
/// let weights = Categorical::new(&Tensor::from_slice(&device, &[1.0f32, 3.0], &[2])?.log());
/// let means = Tensor::from_slice(&device, &[-4.0f32, 4.0], &[2])?;
/// let p = MixtureSameFamily::new(weights, Normal::new(&means, &Tensor::scalar(&device, 1.0)));
/// assert!((p.mean().item()? - 2.0).abs() < 1e-6);
/// // The variance of a component, 1, plus the squared distance of the means from 2.
/// assert!((p.variance().item()? - 13.0).abs() < 1e-5);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MixtureSameFamily<D> {
    /// The weights of the components, `[batch.., K]`.
    pub mixture: Categorical,
    /// The distributions that are mixed, of batch `[batch.., K]`.
    pub components: D,
}

impl<D: Distribution> MixtureSameFamily<D> {
    /// # Panics
    /// When the components' batch differs from the shape of the mixture's logits.
    #[track_caller]
    pub fn new(mixture: Categorical, components: D) -> MixtureSameFamily<D> {
        let (logits, shape) = (mixture.logits.shape().to_vec(), components.shape());
        let batch = &shape[..shape.len() - components.event_dims()];
        assert!(batch == logits, "MixtureSameFamily: components {batch:?} for logits {logits:?}");
        MixtureSameFamily { mixture, components }
    }

    /// The dimension of the components in their results, counted from the end.
    fn dim(&self) -> isize {
        -1 - self.components.event_dims() as isize
    }

    /// `x [.., batch.., K]` with dimensions of extent 1 added for an event.
    #[track_caller]
    fn widened(&self, x: &Tensor) -> Tensor {
        x.reshape(&[x.shape(), &vec![1; self.components.event_dims()]].concat())
    }

    /// The mean of the components' results, weighted by the mixture.
    #[track_caller]
    fn averaged(&self, x: &Tensor) -> Tensor {
        (x * self.widened(&self.mixture.probs())).sum(&[self.dim()], false)
    }
}

impl<D: Distribution> Distribution for MixtureSameFamily<D> {
    fn shape(&self) -> Vec<usize> {
        let mut shape = self.components.shape();
        shape.remove(shape.len() - 1 - self.event_dims());
        shape
    }

    fn event_dims(&self) -> usize {
        self.components.event_dims()
    }

    fn sample(&self, generator: &Generator, shape: &[usize]) -> Tensor {
        let chosen = self.mixture.sample(generator, shape);
        let all = self.components.sample(generator, shape);
        all.take_along_dim(&self.widened(&chosen.unsqueeze(-1)), self.dim()).squeeze(&[self.dim()])
    }

    fn log_prob(&self, value: &Tensor) -> Tensor {
        let of_components = self.components.log_prob(&value.unsqueeze(self.dim()));
        (of_components + &self.mixture.logits).logsumexp(&[-1], false)
    }

    fn mean(&self) -> Tensor {
        self.averaged(&self.components.mean())
    }

    fn variance(&self) -> Tensor {
        let means = self.components.mean();
        let between = (&means - self.averaged(&means).unsqueeze(self.dim())).square();
        self.averaged(&(self.components.variance() + between))
    }
}
