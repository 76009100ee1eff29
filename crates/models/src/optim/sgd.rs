//! Stochastic gradient descent.

use autograd::{SgdStep, Tensor};

use super::optimizer::Optimizer;
use super::rule::{Rule, Update};
use crate::Params;

/// Stochastic gradient descent as `torch.optim.SGD`: `v = momentum v + (1 - dampening) (g + weight_decay p)`,
/// `p = p - lr v` (with Nesterov's momentum `p - lr (g + momentum v)`).
///
/// The convention `v = momentum v + lr g`, `p = p - v` differs while the learning rate changes: [set](Sgd::set_momentum) the momentum
/// times the last rate over the new one for it. Where texts take Nesterov's gradient at the point ahead, `p - momentum v`, the parameter here
/// is that point.
///
/// A step whose loss is not finite changes nothing but the step count.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Init, Params, Sgd};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let theta = params.param("theta", &[], Init::ONES);
/// let mut opt = Sgd::new(&params).momentum(0.9);
/// for _ in 0..3 {
///     let loss = theta.value().square();
///     opt.step(loss.backward(), 0.1)?;
/// }
/// assert!((theta.value().item()? - 0.062).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias = "SGD")]
pub type Sgd = Optimizer<SgdRule>;

/// The rule of [`Sgd`].
#[derive(Clone, Debug, Default)]
pub struct SgdRule {
    momentum: f32,
    dampening: f32,
    nesterov: bool,
}

impl Sgd {
    /// Updates the trainable parameters under `params`: those that are trainable at the first step.
    pub fn new(params: &Params) -> Sgd {
        Optimizer::with_rule(params, SgdRule::default())
    }

    /// Decay of the velocity per step; 0, no velocity, by default.
    pub fn momentum(mut self, momentum: f32) -> Sgd {
        self.rule.momentum = momentum;
        self
    }

    /// Share of the gradient that is not added to the velocity; 0 by default.
    pub fn dampening(mut self, dampening: f32) -> Sgd {
        self.rule.dampening = dampening;
        self
    }

    /// Whether steps look ahead by Nesterov's rule (Sutskever et al. 2013); false by default.
    pub fn nesterov(mut self, nesterov: bool) -> Sgd {
        self.rule.nesterov = nesterov;
        self
    }

    /// Changes the momentum between steps, as [`OneCycle::momentum`](crate::OneCycle::momentum) requires; neither from nor to 0.
    ///
    /// # Panics
    /// When exactly one of the old and the new momentum is 0.
    #[track_caller]
    pub fn set_momentum(&mut self, momentum: f32) {
        let fits = (momentum != 0.0) == (self.rule.momentum != 0.0);
        assert!(fits, "set_momentum: from {} to {momentum}", self.rule.momentum);
        self.rule.momentum = momentum;
    }
}

impl Rule for SgdRule {
    fn state(&self, shape: &[usize]) -> Vec<Vec<usize>> {
        vec![shape.to_vec(); usize::from(self.momentum != 0.0)]
    }

    fn update(&self, u: &Update) -> Vec<Tensor> {
        let op = SgdStep { momentum: self.momentum != 0.0, nesterov: self.nesterov, maximize: u.maximize };
        let first = if u.step == 1 { 1.0 } else { 0.0 };
        let numbers = [u.lr, self.momentum, self.dampening, u.weight_decay, first, 1.0];
        let (gradient, factor) = u.unscaled;
        let computed = [(4, u.skipped.map(|_| u.first())), (5, factor.cloned())];
        op.apply(&u.numbers(&numbers, computed), u.ok, gradient, &u.all())
    }

    fn checks_loss(&self) -> bool {
        true
    }
}
