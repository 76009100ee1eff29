//! NAdam.

use autograd::Tensor;

use super::optimizer::Optimizer;
use super::rule::{Rule, Update};
use crate::Params;

/// Adam with Nesterov's momentum (Dozat 2016, "Incorporating Nesterov momentum into Adam") as `torch.optim.NAdam`, with
/// momenta `mu_t = beta1 (1 - 0.5 * 0.96^(t momentum_decay))`:
/// `p = p - lr ((1 - mu_t) / (1 - prod_t) g + mu_(t+1) / (1 - prod_(t+1)) m) / (sqrt(v / (1 - beta2^t)) + eps)`.
/// Torch's default learning rate is 2e-3.
///
/// ```
/// use autograd::Device;
/// use models::{Init, NAdam, Params};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let theta = params.param("theta", &[], Init::ONES);
/// let mut opt = NAdam::new(&params);
/// opt.step(theta.value().square().backward(), 0.1)?;
/// assert!((theta.value().item()? - 0.894_355).abs() < 1e-5);
/// # Ok::<(), autograd::Error>(())
/// ```
pub type NAdam = Optimizer<NAdamRule>;

/// The rule of [`NAdam`].
#[derive(Clone, Debug)]
pub struct NAdamRule {
    betas: [f64; 2],
    eps: f32,
    momentum_decay: f64,
    decoupled: bool,
    /// A step, and the product of the momenta up to it.
    product: (usize, f64),
}

impl NAdam {
    /// Torch's defaults: betas .9 and .999, eps 1e-8, momentum decay .004, weight decay added to the gradients.
    pub fn new(params: &Params) -> NAdam {
        let rule = NAdamRule {
            betas: [0.9, 0.999],
            eps: 1e-8,
            momentum_decay: 4e-3,
            decoupled: false,
            product: (0, 1.0),
        };
        Optimizer::with_rule(params, rule)
    }

    /// Decays of the first and second moments per step; .9 and .999 by default.
    pub fn betas(mut self, beta1: impl Into<f64>, beta2: impl Into<f64>) -> NAdam {
        self.rule.betas = [beta1.into(), beta2.into()];
        self
    }

    /// Added to the square root.
    pub fn eps(mut self, eps: f32) -> NAdam {
        self.rule.eps = eps;
        self
    }

    /// How fast the momentum rises to `beta1`: it is `beta1 (1 - 0.96^(step decay) / 2)`; .004 by default.
    pub fn momentum_decay(mut self, momentum_decay: impl Into<f64>) -> NAdam {
        self.rule.momentum_decay = momentum_decay.into();
        self
    }

    /// Decays the weights themselves, as in AdamW.
    pub fn decoupled_weight_decay(mut self, decoupled: bool) -> NAdam {
        self.rule.decoupled = decoupled;
        self
    }
}

impl NAdamRule {
    fn momentum(&self, step: usize) -> f64 {
        self.betas[0] * (1.0 - 0.5 * 0.96f64.powf(step as f64 * self.momentum_decay))
    }
}

impl Rule for NAdamRule {
    fn state(&self, shape: &[usize]) -> Vec<Vec<usize>> {
        vec![shape.to_vec(); 2]
    }

    fn begin(&mut self, step: usize) {
        let (done, product) = if self.product.0 < step { self.product } else { (0, 1.0) };
        self.product = (step, (done + 1..=step).fold(product, |product, k| product * self.momentum(k)));
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
        let root = (&square / (1.0 - beta2.powi(u.step as i32)) as f32).sqrt() + self.eps;
        let (product, next) = (self.product.1, self.momentum(u.step + 1));
        let of_gradient = f64::from(u.lr) * (1.0 - self.momentum(u.step)) / (1.0 - product);
        let of_mean = f64::from(u.lr) * next / (1.0 - product * next);
        vec![p - (g * of_gradient as f32 + &mean * of_mean as f32) / root, mean, square]
    }
}
