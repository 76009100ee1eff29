//! Adamax.

use autograd::Tensor;

use super::optimizer::Optimizer;
use super::rule::{Rule, Update};
use crate::Params;

/// Adamax, Adam with the infinity norm (Kingma and Ba 2015, section 7.1), as `torch.optim.Adamax`:
/// `m = beta1 m + (1 - beta1) g`, `w = max(beta2 w, |g| + eps)`, `p = p - lr / (1 - beta1^t) m / w`.
///
/// ```
/// use autograd::Device;
/// use models::{Adamax, Init, Params};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let theta = params.param("theta", &[], Init::ONES);
/// let mut opt = Adamax::new(&params);
/// opt.step(theta.value().square().backward(), 0.1)?;
/// assert!((theta.value().item()? - 0.9).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
pub type Adamax = Optimizer<AdamaxRule>;

/// The rule of [`Adamax`].
#[derive(Clone, Debug)]
pub struct AdamaxRule {
    betas: [f64; 2],
    eps: f32,
}

impl Adamax {
    /// Torch's defaults: betas .9 and .999, eps 1e-8.
    pub fn new(params: &Params) -> Adamax {
        Optimizer::with_rule(params, AdamaxRule { betas: [0.9, 0.999], eps: 1e-8 })
    }

    /// Decays of the mean and of the norm per step; .9 and .999 by default.
    pub fn betas(mut self, beta1: impl Into<f64>, beta2: impl Into<f64>) -> Adamax {
        self.rule.betas = [beta1.into(), beta2.into()];
        self
    }

    /// Added to the absolute values.
    pub fn eps(mut self, eps: f32) -> Adamax {
        self.rule.eps = eps;
        self
    }
}

impl Rule for AdamaxRule {
    fn state(&self, shape: &[usize]) -> Vec<Vec<usize>> {
        vec![shape.to_vec(); 2]
    }

    fn update(&self, u: &Update) -> Vec<Tensor> {
        let [beta1, beta2] = self.betas;
        let g = u.decayed_gradient();
        let mean = &u.state[0] + (&g - &u.state[0]) * (1.0 - beta1) as f32;
        let largest = (&u.state[1] * beta2 as f32).maximum(g.abs() + self.eps);
        let lr = f64::from(u.lr);
        let rate = u.by_count(|t| lr / (1.0 - beta1.powi(t)), |t| u.lr / -((t * beta1.ln() as f32).expm1()));
        vec![u.param - &mean / &largest * rate, mean, largest]
    }
}
