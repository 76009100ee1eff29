//! LAMB.

use autograd::Tensor;

use super::optimizer::Optimizer;
use super::rule::{Rule, Update};
use super::trust::trust;
use crate::Params;

/// LAMB (You et al. 2020, "Large batch optimization for deep learning: training BERT in 76 minutes", algorithm 2): each parameter's AdamW
/// step is scaled to the norm of that parameter.
///
/// ```
/// use autograd::Device;
/// use models::{Init, Lamb, Params};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let theta = params.param("theta", &[2], Init::Constant(2.0));
/// let mut opt = Lamb::new(&params).weight_decay(0.0);
/// opt.step(theta.value().square().sum_all().backward(), 0.1)?;
/// assert!((theta.value().to_vec::<f32>()?[0] - 1.8).abs() < 1e-5);
/// # Ok::<(), autograd::Error>(())
/// ```
pub type Lamb = Optimizer<LambRule>;

/// The rule of [`Lamb`].
#[derive(Clone, Debug)]
pub struct LambRule {
    betas: [f64; 2],
    eps: f32,
}

impl Lamb {
    /// The paper's defaults: betas .9 and .999, eps 1e-6, weight decay .01.
    pub fn new(params: &Params) -> Lamb {
        Optimizer::with_rule(params, LambRule { betas: [0.9, 0.999], eps: 1e-6 }).weight_decay(0.01)
    }

    /// Decays of the first and second moments per step; .9 and .999 by default.
    pub fn betas(mut self, beta1: impl Into<f64>, beta2: impl Into<f64>) -> Lamb {
        self.rule.betas = [beta1.into(), beta2.into()];
        self
    }

    /// Added to the square root.
    pub fn eps(mut self, eps: f32) -> Lamb {
        self.rule.eps = eps;
        self
    }
}

impl Rule for LambRule {
    fn state(&self, shape: &[usize]) -> Vec<Vec<usize>> {
        vec![shape.to_vec(); 2]
    }

    fn update(&self, u: &Update) -> Vec<Tensor> {
        let [beta1, beta2] = self.betas;
        let [c1, c2] = self.betas.map(|beta| u.correction(beta));
        let g = u.gradient();
        let mean = &u.state[0] + (&g - &u.state[0]) * (1.0 - beta1) as f32;
        let square = &u.state[1] * beta2 as f32 + &g * &g * (1.0 - beta2) as f32;
        let step = &mean / c1 / ((&square / c2).sqrt() + self.eps) + u.param * u.weight_decay;
        vec![u.param - trust(u, &step, 1.0) * u.lr, mean, square]
    }
}
