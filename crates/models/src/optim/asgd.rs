//! Averaged SGD.

use autograd::Tensor;

use super::optimizer::Optimizer;
use super::rule::{Rule, Update};
use crate::Params;

/// Averaged stochastic gradient descent (Polyak and Juditsky 1992) as `torch.optim.ASGD`: steps of size `lr / (1 + lambd lr t)^alpha`, a
/// decay `lambd`, and from step `t0` on an average of the parameters, which is state tensor 0 (torch's `ax`). [`Average`](super::Average)
/// averages with any optimizer.
///
/// ```
/// use autograd::Device;
/// use models::{Asgd, Init, Params};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let theta = params.param("theta", &[], Init::ONES);
/// let mut opt = Asgd::new(&params);
/// opt.step(theta.value().square().backward(), 0.1)?;
/// assert!((theta.value().item()? - 0.799_99).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
pub type Asgd = Optimizer<AsgdRule>;

/// The rule of [`Asgd`].
#[derive(Clone, Debug)]
pub struct AsgdRule {
    lambd: f64,
    alpha: f64,
    t0: f64,
}

impl Asgd {
    /// Torch's defaults: lambd 1e-4, alpha .75, t0 1e6.
    pub fn new(params: &Params) -> Asgd {
        Optimizer::with_rule(params, AsgdRule { lambd: 1e-4, alpha: 0.75, t0: 1e6 })
    }

    /// The decay of parameters, and of the step size.
    pub fn lambd(mut self, lambd: impl Into<f64>) -> Asgd {
        self.rule.lambd = lambd.into();
        self
    }

    /// The exponent of the decrease of the step size.
    pub fn alpha(mut self, alpha: impl Into<f64>) -> Asgd {
        self.rule.alpha = alpha.into();
        self
    }

    /// The step at which averaging starts.
    pub fn t0(mut self, t0: impl Into<f64>) -> Asgd {
        self.rule.t0 = t0.into();
        self
    }
}

impl Rule for AsgdRule {
    fn state(&self, shape: &[usize]) -> Vec<Vec<usize>> {
        vec![shape.to_vec()]
    }

    fn update(&self, u: &Update) -> Vec<Tensor> {
        let (lr, done) = (f64::from(u.lr), (u.step - 1) as f64);
        let eta = lr / (1.0 + self.lambd * lr * done).powf(self.alpha);
        let share = 1.0 / (done - self.t0).max(1.0);
        let p = u.param * (1.0 - self.lambd * eta) as f32 - u.decayed_gradient() * eta as f32;
        let average = u.state[0].lerp(&p, share as f32);
        vec![p, average]
    }
}
