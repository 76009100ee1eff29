//! Adadelta.

use autograd::Tensor;

use super::optimizer::Optimizer;
use super::rule::{Rule, Update};
use crate::Params;

/// Adadelta (Zeiler 2012) as `torch.optim.Adadelta`: `v = rho v + (1 - rho) g^2`, `d = sqrt(a + eps) / sqrt(v + eps) g`,
/// `a = rho a + (1 - rho) d^2`, `p = p - lr d`. Torch's default learning rate is 1.
///
/// ```
/// use autograd::Device;
/// use models::{Adadelta, Init, Params};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let theta = params.param("theta", &[], Init::ONES);
/// let mut opt = Adadelta::new(&params);
/// opt.step(theta.value().square().backward(), 1.0)?;
/// assert!((theta.value().item()? - 0.996_837_7).abs() < 1e-6); // 1 - 1e-3 / sqrt(0.1)
/// # Ok::<(), autograd::Error>(())
/// ```
pub type Adadelta = Optimizer<AdadeltaRule>;

/// The rule of [`Adadelta`].
#[derive(Clone, Debug)]
pub struct AdadeltaRule {
    rho: f64,
    eps: f32,
}

impl Adadelta {
    /// Torch's defaults: rho .9, eps 1e-6.
    pub fn new(params: &Params) -> Adadelta {
        Optimizer::with_rule(params, AdadeltaRule { rho: 0.9, eps: 1e-6 })
    }

    /// The decay of the mean squares per step.
    pub fn rho(mut self, rho: impl Into<f64>) -> Adadelta {
        self.rule.rho = rho.into();
        self
    }

    /// Added inside the square roots.
    pub fn eps(mut self, eps: f32) -> Adadelta {
        self.rule.eps = eps;
        self
    }
}

impl Rule for AdadeltaRule {
    fn state(&self, shape: &[usize]) -> Vec<Vec<usize>> {
        vec![shape.to_vec(); 2]
    }

    fn update(&self, u: &Update) -> Vec<Tensor> {
        let (keep, take) = (self.rho as f32, (1.0 - self.rho) as f32);
        let g = u.decayed_gradient();
        let square = &u.state[0] * keep + &g * &g * take;
        let delta = (&u.state[1] + self.eps).sqrt() / (&square + self.eps).sqrt() * g;
        let deltas = &u.state[1] * keep + &delta * &delta * take;
        vec![u.param - delta * u.lr, square, deltas]
    }
}
