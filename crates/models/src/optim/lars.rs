//! LARS.

use autograd::Tensor;

use super::optimizer::Optimizer;
use super::rule::{Rule, Update};
use super::trust::trust;
use crate::Params;

/// LARS, layer-wise adaptive rate scaling (You, Gitman and Ginsburg 2017, "Large batch training of convolutional networks"): SGD with
/// momentum that scales each parameter's gradient, weight decay included, to the norm `coefficient |p|`:
/// `v = momentum v + lr coefficient |p| / |g + weight_decay p| (g + weight_decay p)`, `p = p - v`. Biases and normalisation parameters are
/// usually left to another optimizer by [`only`](Optimizer::only).
///
/// ```
/// use autograd::Device;
/// use models::{Init, Lars, Params};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let theta = params.param("theta", &[], Init::ONES);
/// let mut opt = Lars::new(&params);
/// opt.step(theta.value().square().backward(), 10.0)?;
/// assert!((theta.value().item()? - 0.99).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
pub type Lars = Optimizer<LarsRule>;

/// The rule of [`Lars`].
#[derive(Clone, Debug)]
pub struct LarsRule {
    momentum: f32,
    coefficient: f32,
}

impl Lars {
    /// Momentum .9, coefficient .001, no weight decay.
    pub fn new(params: &Params) -> Lars {
        Optimizer::with_rule(params, LarsRule { momentum: 0.9, coefficient: 1e-3 })
    }

    /// Decay of the velocity per step; .9 by default.
    pub fn momentum(mut self, momentum: f32) -> Lars {
        self.rule.momentum = momentum;
        self
    }

    /// The norm of a step of learning rate 1, relative to the parameter's norm.
    pub fn coefficient(mut self, coefficient: f32) -> Lars {
        self.rule.coefficient = coefficient;
        self
    }
}

impl Rule for LarsRule {
    fn state(&self, shape: &[usize]) -> Vec<Vec<usize>> {
        vec![shape.to_vec()]
    }

    fn update(&self, u: &Update) -> Vec<Tensor> {
        let step = trust(u, &u.decayed_gradient(), self.coefficient) * u.lr;
        let velocity = &u.state[0] * self.momentum + step;
        vec![u.param - &velocity, velocity]
    }
}
