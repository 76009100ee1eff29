//! Probability distributions, one per file, as in `torch.distributions`.
//!
//! A distribution is a batch of distributions: its parameters, which broadcast, have the shape of the batch. `log_prob` takes values that
//! broadcast with the batch, and is differentiable in values and parameters. Samples of [`rsample`](Reparameterized::rsample) are
//! differentiable in the parameters.
//!
//! ```
//! use autograd::{Device, Generator, Tensor};
//! use models::distributions::{Distribution, Normal, kl_divergence};
//! let device = Device::named("cpu")?;
//! let number = |x| Tensor::scalar(&device, x);
//! let p = Normal::new(&Tensor::from_slice(&device, &[0.0f32, 1.0], &[2])?, &number(2.0));
//! let x = p.sample(&Generator::new(7), &[1000]);
//! assert_eq!(x.shape(), [1000, 2]);
//! assert_eq!(p.log_prob(&x).shape(), [1000, 2]);
//! let q = Normal::new(&number(0.0), &number(2.0));
//! assert_eq!(kl_divergence(&p, &q).to_vec::<f32>()?, [0.0, 0.125]);
//! # Ok::<(), autograd::Error>(())
//! ```

mod bernoulli;
mod beta;
mod binomial;
mod categorical;
mod exponential;
mod independent;
mod information;
mod kl;
mod laplace;
mod mixture_same_family;
mod normal;
mod uniform;

pub use bernoulli::Bernoulli;
pub use beta::Beta;
pub use binomial::Binomial;
pub use categorical::Categorical;
pub use exponential::Exponential;
pub use independent::Independent;
pub use information::mutual_information;
pub use kl::{Kl, kl_divergence};
pub use laplace::Laplace;
pub use mixture_same_family::MixtureSameFamily;
pub use normal::Normal;
pub use uniform::Uniform;

use autograd::{Generator, Tensor};

/// The operations of every distribution.
pub trait Distribution {
    /// The shape of the batch, followed by that of an event.
    fn shape(&self) -> Vec<usize>;

    /// The number of trailing dimensions that form one event, whose elements have a joint probability.
    fn event_dims(&self) -> usize {
        0
    }

    /// Random values of shape `[shape.., batch.., event..]`, without gradients.
    #[track_caller]
    fn sample(&self, generator: &Generator, shape: &[usize]) -> Tensor;

    /// The log-probability or log-density at `value [.., batch.., event..]`: `[.., batch..]`.
    ///
    /// # Panics
    /// When the shapes do not broadcast.
    #[track_caller]
    fn log_prob(&self, value: &Tensor) -> Tensor;

    /// The expected value: `[batch.., event..]`.
    #[track_caller]
    fn mean(&self) -> Tensor;

    /// The expected squared distance from the mean: `[batch.., event..]`.
    #[track_caller]
    fn variance(&self) -> Tensor;
}

/// Distributions whose samples are a differentiable function of the parameters and of noise that does not depend on them
/// (Kingma and Welling 2014, "Auto-encoding variational Bayes").
pub trait Reparameterized: Distribution {
    /// [`sample`](Distribution::sample) with gradients to the parameters.
    #[track_caller]
    fn rsample(&self, generator: &Generator, shape: &[usize]) -> Tensor;
}

/// Distributions whose entropy is known.
pub trait Entropy: Distribution {
    /// The expected negative logarithm of the probability: `[batch..]`, in nats.
    #[track_caller]
    fn entropy(&self) -> Tensor;
}

/// Uniform numbers in `[0, 1)` of shape `[shape.., parameter..]`.
#[track_caller]
fn uniform(generator: &Generator, shape: &[usize], parameter: &Tensor) -> Tensor {
    generator.uniform(parameter.device(), &[shape, parameter.shape()].concat())
}
