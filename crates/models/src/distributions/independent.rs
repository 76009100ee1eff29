//! Batches of distributions as one distribution of vectors.

use autograd::{Generator, Tensor};

use super::{Distribution, Entropy, Kl, Reparameterized};

/// The last `dims` batch dimensions of a distribution as one event with independent elements. For a [`Normal`](super::Normal) this is the
/// multivariate normal distribution with diagonal covariance.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::distributions::{Distribution, Independent, Normal};
/// let device = Device::named("cpu")?;
/// let (mean, deviation) = (Tensor::zeros(&device, &[5, 3]), Tensor::ones(&device, &[3]));
/// let p = Independent::new(Normal::new(&mean, &deviation), 1);
/// let log_prob = p.log_prob(&Tensor::zeros(&device, &[3]));
/// assert_eq!(log_prob.shape(), [5]);
/// assert!((log_prob.to_vec::<f32>()?[0] + 1.5 * std::f32::consts::TAU.ln()).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Independent<D> {
    /// The distribution of single elements.
    pub base: D,
    dims: usize,
}

impl<D: Distribution> Independent<D> {
    /// # Panics
    /// When the batch has fewer than `dims` dimensions.
    #[track_caller]
    pub fn new(base: D, dims: usize) -> Independent<D> {
        let (shape, events) = (base.shape(), base.event_dims());
        assert!(
            dims + events <= shape.len(),
            "Independent: {dims} dimensions of {shape:?}, {events} of an event"
        );
        Independent { base, dims }
    }
}

impl<D> Independent<D> {
    /// Sums a quantity of single elements over an event.
    #[track_caller]
    fn joined(&self, x: &Tensor) -> Tensor {
        let dims: Vec<isize> = (1..=self.dims as isize).map(|d| -d).collect();
        x.sum(&dims, false)
    }
}

impl<D: Distribution> Distribution for Independent<D> {
    fn shape(&self) -> Vec<usize> {
        self.base.shape()
    }

    fn event_dims(&self) -> usize {
        self.base.event_dims() + self.dims
    }

    fn sample(&self, generator: &Generator, shape: &[usize]) -> Tensor {
        self.base.sample(generator, shape)
    }

    fn log_prob(&self, value: &Tensor) -> Tensor {
        self.joined(&self.base.log_prob(value))
    }

    fn mean(&self) -> Tensor {
        self.base.mean()
    }

    fn variance(&self) -> Tensor {
        self.base.variance()
    }
}

impl<D: Reparameterized> Reparameterized for Independent<D> {
    fn rsample(&self, generator: &Generator, shape: &[usize]) -> Tensor {
        self.base.rsample(generator, shape)
    }
}

impl<D: Entropy> Entropy for Independent<D> {
    fn entropy(&self) -> Tensor {
        self.joined(&self.base.entropy())
    }
}

impl<P: Kl<Q>, Q> Kl<Independent<Q>> for Independent<P> {
    /// # Panics
    /// When the events have different numbers of dimensions.
    fn kl(&self, q: &Independent<Q>) -> Tensor {
        assert!(self.dims == q.dims, "Independent: divergence of {} from {} dimensions", self.dims, q.dims);
        self.joined(&self.base.kl(&q.base))
    }
}
