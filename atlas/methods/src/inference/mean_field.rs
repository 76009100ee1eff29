//! Variational inference with independent normal distributions.

use autograd::{Generator, Tensor};
use models::distributions::{Entropy, Normal, Reparameterized};
use models::{Init, Param, Params};

/// Independent normal distributions of `D` variables that approximate a posterior (Kucukelbir et al. 2017). Parameters `loc [D]`,
/// initially 0, and `log_scale [D]`. Maximising [`elbo`](MeanField::elbo) by stochastic gradients is stochastic variational inference.
///
/// ```
/// use autograd::{Device, Generator, Tensor};
/// use methods::inference::MeanField;
/// use models::{Adam, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 1);
/// let q = MeanField::new(&params, 1, 1.0);
/// let (mut opt, generator) = (Adam::new(&params), Generator::new(1));
/// // The normal distribution of mean 1 and deviation 0.5, without its normalising constant.
/// for step in 0..300 {
///     let elbo = q.elbo(|x| (x - 1.0).square().sum(&[1], false) * -2.0, 16, &generator);
///     opt.step((-elbo).backward(), 0.1 * (1.0 - step as f32 / 300.0))?;
/// }
/// assert!((q.distribution().loc.item()? - 1.0).abs() < 0.05);
/// assert!((q.distribution().scale.item()? - 0.5).abs() < 0.05);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct MeanField {
    loc: Param,
    log_scale: Param,
}

impl MeanField {
    /// The deviations start at `scale`.
    pub fn new(params: &Params, dims: usize, scale: f32) -> MeanField {
        MeanField {
            loc: params.param("loc", &[dims], Init::Constant(0.0)),
            log_scale: params.param("log_scale", &[dims], Init::Constant(scale.ln())),
        }
    }

    /// The approximation `[D]`.
    pub fn distribution(&self) -> Normal {
        Normal::new(&self.loc.value(), &self.log_scale.value().exp())
    }

    /// Reparametrised samples `[count, D]`: gradients flow to the parameters.
    #[track_caller]
    pub fn rsample(&self, count: usize, generator: &Generator) -> Tensor {
        self.distribution().rsample(generator, &[count])
    }

    /// The evidence lower bound with `samples` samples: the expectation of `log_joint`, which maps variables `[S, D]` to `[S]`, plus the
    /// exact entropy. It equals the log evidence minus the divergence of the approximation from the posterior.
    #[track_caller]
    pub fn elbo(
        &self,
        log_joint: impl Fn(&Tensor) -> Tensor,
        samples: usize,
        generator: &Generator,
    ) -> Tensor {
        log_joint(&self.rsample(samples, generator)).mean_all() + self.distribution().entropy().sum_all()
    }
}
