//! Adam, AdamW and AMSGrad.

use autograd::{AdamStep, Tensor};

use super::optimizer::Optimizer;
use super::rule::{Rule, Update};
use crate::Params;

/// Adam (Kingma and Ba 2015) as `torch.optim.Adam`, with AMSGrad (Reddi et al. 2018) as an option. Weight decay is added to
/// the gradients; [`AdamW`] decays the weights themselves.
///
/// A step whose loss is not finite changes nothing but the step count.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Adam, Init, Params};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let theta = params.param("theta", &[], Init::ONES);
/// let mut opt = Adam::new(&params);
/// for _ in 0..3 {
///     let loss = theta.value().square();
///     opt.step(loss.backward(), 0.1)?;
/// }
/// assert!((theta.value().item()? - 0.701_586_3).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
pub type Adam = Optimizer<AdamRule>;

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019), as `torch.optim.AdamW`.
pub struct AdamW;

/// The rule of [`Adam`] and [`AdamW`].
#[derive(Clone, Debug)]
pub struct AdamRule {
    betas: [f32; 2],
    eps: f32,
    amsgrad: bool,
    decoupled: bool,
}

impl AdamW {
    /// AdamW with torch's defaults: betas .9 and .999, eps 1e-8, weight decay .01.
    #[allow(clippy::new_ret_no_self)] // Adam with another decay
    pub fn new(params: &Params) -> Adam {
        let mut adam = Adam::new(params).weight_decay(0.01);
        adam.rule.decoupled = true;
        adam
    }
}

impl Adam {
    /// Updates the trainable parameters under `params` with torch's defaults: betas .9 and .999, eps 1e-8, no weight decay.
    pub fn new(params: &Params) -> Adam {
        let rule = AdamRule { betas: [0.9, 0.999], eps: 1e-8, amsgrad: false, decoupled: false };
        Optimizer::with_rule(params, rule)
    }

    /// Decays of the first and second moments per step; .9 and .999 by default.
    pub fn betas(mut self, beta1: f32, beta2: f32) -> Adam {
        self.rule.betas = [beta1, beta2];
        self
    }

    /// Added to the square root; 1e-8 by default.
    pub fn eps(mut self, eps: f32) -> Adam {
        self.rule.eps = eps;
        self
    }

    /// Divides by the maximum of all second moments so far.
    pub fn amsgrad(mut self, amsgrad: bool) -> Adam {
        self.rule.amsgrad = amsgrad;
        self
    }

    /// Changes the first beta between steps, as [`OneCycle::momentum`](crate::OneCycle::momentum) does.
    pub fn set_beta1(&mut self, beta1: f32) {
        self.rule.betas[0] = beta1;
    }
}

impl Rule for AdamRule {
    fn state(&self, shape: &[usize]) -> Vec<Vec<usize>> {
        vec![shape.to_vec(); 2 + usize::from(self.amsgrad)]
    }

    fn update(&self, u: &Update) -> Vec<Tensor> {
        let op = AdamStep { amsgrad: self.amsgrad, decoupled: self.decoupled, maximize: u.maximize };
        let ([beta1, beta2], eps) = (self.betas, self.eps);
        // From the rounded betas, so that the rounding of 1 - beta2 cancels.
        let [c1, c2] = self.betas.map(f64::from).map(|beta| 1.0 - beta.powi(u.step as i32));
        let numbers = [u.lr, beta1, beta2, eps, u.weight_decay, c1 as f32, c2.sqrt() as f32, 1.0];
        let (gradient, factor) = u.unscaled;
        let counted = u.skipped.is_some();
        let c1 = counted.then(|| u.correction(beta1.into()));
        let c2 = counted.then(|| {
            let beta = f64::from(beta2);
            u.by_count(|t| (1.0 - beta.powi(t)).sqrt(), |t| (-((t * beta.ln() as f32).expm1())).sqrt())
        });
        let computed = [(5, c1), (6, c2), (7, factor.cloned())];
        op.apply(&u.numbers(&numbers, computed), u.ok, gradient, &u.all())
    }

    fn checks_loss(&self) -> bool {
        true
    }
}
