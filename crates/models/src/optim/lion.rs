//! Lion.

use autograd::Tensor;

use super::optimizer::Optimizer;
use super::rule::{Rule, Update};
use crate::Params;

/// Lion, "evolved sign momentum" (Chen et al. 2023, "Symbolic discovery of optimization algorithms"):
/// `p = p (1 - lr weight_decay) - lr sign(beta1 m + (1 - beta1) g)`, `m = beta2 m + (1 - beta2) g`. Learning rates are 3 to 10
/// times smaller than AdamW's, weight decay as many times larger.
///
/// ```
/// use autograd::Device;
/// use models::{Init, Lion, Params};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let theta = params.param("theta", &[], Init::ONES);
/// let mut opt = Lion::new(&params);
/// opt.step(theta.value().square().backward(), 0.1)?;
/// assert_eq!(theta.value().item()?, 0.9);
/// # Ok::<(), autograd::Error>(())
/// ```
pub type Lion = Optimizer<LionRule>;

/// The rule of [`Lion`].
#[derive(Clone, Debug)]
pub struct LionRule {
    betas: [f64; 2],
}

impl Lion {
    /// The paper's defaults: betas .9 and .99, no weight decay.
    pub fn new(params: &Params) -> Lion {
        Optimizer::with_rule(params, LionRule { betas: [0.9, 0.99] })
    }

    /// `beta1`, the weight of the mean in a step, and `beta2`, the decay of the mean per step; .9 and .99 by default.
    pub fn betas(mut self, beta1: impl Into<f64>, beta2: impl Into<f64>) -> Lion {
        self.rule.betas = [beta1.into(), beta2.into()];
        self
    }
}

impl Rule for LionRule {
    fn state(&self, shape: &[usize]) -> Vec<Vec<usize>> {
        vec![shape.to_vec()]
    }

    fn update(&self, u: &Update) -> Vec<Tensor> {
        let g = u.gradient();
        let [now, kept] = self.betas.map(|beta| &u.state[0] * beta as f32 + &g * (1.0 - beta) as f32);
        vec![u.decayed_param() - now.sign() * u.lr, kept]
    }
}
