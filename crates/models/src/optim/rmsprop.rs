//! RMSprop.

use autograd::Tensor;

use super::optimizer::Optimizer;
use super::rule::{Rule, Update, root};
use crate::Params;

/// RMSprop (Hinton 2012, lecture 6e of "Neural Networks for Machine Learning") as `torch.optim.RMSprop`:
/// `v = alpha v + (1 - alpha) g^2`, `p = p - lr g / (sqrt(v) + eps)`, with momentum and Graves's centred variance
/// (2013, "Generating sequences with recurrent neural networks") as options.
///
/// ```
/// use autograd::Device;
/// use models::{Init, Params, RmsProp};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let theta = params.param("theta", &[], Init::ONES);
/// let mut opt = RmsProp::new(&params);
/// opt.step(theta.value().square().backward(), 0.01)?;
/// assert!((theta.value().item()? - 0.9).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
pub type RmsProp = Optimizer<RmsPropRule>;

/// The rule of [`RmsProp`].
#[derive(Clone, Debug)]
pub struct RmsPropRule {
    alpha: f64,
    eps: f32,
    momentum: f32,
    centered: bool,
    eps_inside: bool,
}

impl RmsProp {
    /// Torch's defaults: alpha .99, eps 1e-8, no momentum, not centred.
    pub fn new(params: &Params) -> RmsProp {
        Optimizer::with_rule(
            params,
            RmsPropRule { alpha: 0.99, eps: 1e-8, momentum: 0.0, centered: false, eps_inside: false },
        )
    }

    /// The decay of the mean square per step.
    pub fn alpha(mut self, alpha: impl Into<f64>) -> RmsProp {
        self.rule.alpha = alpha.into();
        self
    }

    /// Added to the square root.
    pub fn eps(mut self, eps: f32) -> RmsProp {
        self.rule.eps = eps;
        self
    }

    /// Adds eps inside of the root, `sqrt(v + eps)`, as some texts do, and not to the root; false by default.
    pub fn eps_inside(mut self, inside: bool) -> RmsProp {
        self.rule.eps_inside = inside;
        self
    }

    /// Decay of the velocity per step; 0, no velocity, by default.
    pub fn momentum(mut self, momentum: f32) -> RmsProp {
        self.rule.momentum = momentum;
        self
    }

    /// Divides by the standard deviation of the gradients instead of their root mean square.
    pub fn centered(mut self, centered: bool) -> RmsProp {
        self.rule.centered = centered;
        self
    }
}

impl Rule for RmsPropRule {
    /// Mean square, then with `centered` the mean, then with momentum the velocity.
    fn state(&self, shape: &[usize]) -> Vec<Vec<usize>> {
        vec![shape.to_vec(); 1 + usize::from(self.centered) + usize::from(self.momentum != 0.0)]
    }

    fn update(&self, u: &Update) -> Vec<Tensor> {
        let (keep, take) = (self.alpha as f32, (1.0 - self.alpha) as f32);
        let g = u.decayed_gradient();
        let square = &u.state[0] * keep + &g * &g * take;
        let mut state = vec![square.clone()];
        let mut variance = square;
        if self.centered {
            let mean = &u.state[1] + (&g - &u.state[1]) * take;
            variance = variance - &mean * &mean;
            state.push(mean);
        }
        let mut step = g / root(&variance, self.eps, self.eps_inside);
        if self.momentum != 0.0 {
            step = u.state.last().expect("a velocity") * self.momentum + step;
            state.push(step.clone());
        }
        [vec![u.param - step * u.lr], state].concat()
    }
}
