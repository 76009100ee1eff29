//! Adagrad.

use autograd::Tensor;

use super::optimizer::Optimizer;
use super::rule::{Rule, Update, root};
use crate::Params;

/// Adagrad (Duchi, Hazan and Singer 2011) as `torch.optim.Adagrad`: `s = s + g^2`,
/// `p = p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)`.
///
/// ```
/// use autograd::Device;
/// use models::{Adagrad, Init, Params};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let theta = params.param("theta", &[], Init::ONES);
/// let mut opt = Adagrad::new(&params);
/// for _ in 0..3 {
///     opt.step(theta.value().square().backward(), 0.1)?;
/// }
/// assert!((theta.value().item()? - 0.780_456_2).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
pub type Adagrad = Optimizer<AdagradRule>;

/// The rule of [`Adagrad`].
#[derive(Clone, Debug)]
pub struct AdagradRule {
    lr_decay: f64,
    initial: f32,
    eps: f32,
    eps_inside: bool,
}

impl Adagrad {
    /// Torch's defaults: no decay of the learning rate, sums that start at 0, eps 1e-10.
    pub fn new(params: &Params) -> Adagrad {
        Optimizer::with_rule(
            params,
            AdagradRule { lr_decay: 0.0, initial: 0.0, eps: 1e-10, eps_inside: false },
        )
    }

    /// The learning rate falls as `1 / (1 + (t - 1) lr_decay)`.
    pub fn lr_decay(mut self, lr_decay: impl Into<f64>) -> Adagrad {
        self.rule.lr_decay = lr_decay.into();
        self
    }

    /// The initial value of the sums of squares.
    pub fn initial_accumulator_value(mut self, value: f32) -> Adagrad {
        self.rule.initial = value;
        self
    }

    /// Added to the square root.
    pub fn eps(mut self, eps: f32) -> Adagrad {
        self.rule.eps = eps;
        self
    }

    /// Adds eps inside of the root, `sqrt(s + eps)`, as some texts do, and not to the root; false by default.
    pub fn eps_inside(mut self, inside: bool) -> Adagrad {
        self.rule.eps_inside = inside;
        self
    }
}

impl Rule for AdagradRule {
    fn state(&self, shape: &[usize]) -> Vec<Vec<usize>> {
        vec![shape.to_vec()]
    }

    fn update(&self, u: &Update) -> Vec<Tensor> {
        let g = u.decayed_gradient();
        // State tensors start as zeros, so the initial value is added here.
        let sum = &u.state[0] + &g * &g;
        let root = root(&(&sum + self.initial), self.eps, self.eps_inside);
        let lr = f64::from(u.lr) / (1.0 + (u.step - 1) as f64 * self.lr_decay);
        vec![u.param - g / root * lr as f32, sum]
    }
}
