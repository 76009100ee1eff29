//! RAdam.

use autograd::Tensor;

use super::optimizer::Optimizer;
use super::rule::{Rule, Update};
use crate::Params;

/// Rectified Adam (Liu et al. 2020, "On the variance of the adaptive learning rate and beyond") as `torch.optim.RAdam`: Adam without its
/// adaptive factor as long as the variance of that factor is intractable, and with the rectification term afterwards.
///
/// ```
/// use autograd::Device;
/// use models::{Init, Params, RAdam};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let theta = params.param("theta", &[], Init::ONES);
/// let mut opt = RAdam::new(&params);
/// opt.step(theta.value().square().backward(), 0.1)?;
/// assert!((theta.value().item()? - 0.8).abs() < 1e-6); // as with momentum alone
/// # Ok::<(), autograd::Error>(())
/// ```
pub type RAdam = Optimizer<RAdamRule>;

/// The rule of [`RAdam`].
#[derive(Clone, Debug)]
pub struct RAdamRule {
    betas: [f64; 2],
    eps: f32,
    decoupled: bool,
}

impl RAdam {
    /// Torch's defaults: betas .9 and .999, eps 1e-8, weight decay added to the gradients.
    pub fn new(params: &Params) -> RAdam {
        Optimizer::with_rule(params, RAdamRule { betas: [0.9, 0.999], eps: 1e-8, decoupled: false })
    }

    /// Decays of the first and second moments per step; .9 and .999 by default.
    pub fn betas(mut self, beta1: impl Into<f64>, beta2: impl Into<f64>) -> RAdam {
        self.rule.betas = [beta1.into(), beta2.into()];
        self
    }

    /// Added to the square root.
    pub fn eps(mut self, eps: f32) -> RAdam {
        self.rule.eps = eps;
        self
    }

    /// Decays the weights themselves, as in AdamW.
    pub fn decoupled_weight_decay(mut self, decoupled: bool) -> RAdam {
        self.rule.decoupled = decoupled;
        self
    }
}

impl RAdamRule {
    /// The factors on the mean at step `t`: of the plain step, and of the step divided by the root of the mean square. One of both is 0.
    fn weights(&self, t: usize) -> [f64; 2] {
        let [c1, c2] = self.betas.map(|beta| 1.0 - beta.powi(t as i32));
        let longest = 2.0 / (1.0 - self.betas[1]) - 1.0;
        let length = longest - 2.0 * t as f64 * (1.0 - c2) / c2;
        if length <= 5.0 {
            return [1.0 / c1, 0.0];
        }
        let rectified =
            ((length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length)).sqrt();
        [0.0, rectified * c2.sqrt() / c1]
    }
}

impl Rule for RAdamRule {
    fn state(&self, shape: &[usize]) -> Vec<Vec<usize>> {
        vec![shape.to_vec(); 2]
    }

    fn update(&self, u: &Update) -> Vec<Tensor> {
        let [beta1, beta2] = self.betas;
        let (p, g) = if self.decoupled {
            (u.decayed_param(), u.gradient())
        } else {
            (u.param.clone(), u.decayed_gradient())
        };
        let mean = &u.state[0] + (&g - &u.state[0]) * (1.0 - beta1) as f32;
        let square = &u.state[1] * beta2 as f32 + &g * &g * (1.0 - beta2) as f32;
        let [plain, adaptive] = self.weights(u.step).map(|w| (w * f64::from(u.lr)) as f32);
        // One formula for both cases, so that there is one plan.
        let factor = adaptive / (square.sqrt() + self.eps) + plain;
        vec![p - &mean * factor, mean, square]
    }
}
