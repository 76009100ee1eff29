//! Rprop.

use autograd::Tensor;

use super::optimizer::Optimizer;
use super::rule::{Rule, Update};
use crate::Params;

/// Resilient propagation (Riedmiller and Braun 1993) as `torch.optim.Rprop`, for full batches: the step size depends only on the signs of
/// gradients. It is multiplied by the second of [`etas`](Rprop::etas) if the sign stays, and by the first if it changes. The learning
/// rate of the first step is the initial size; later learning rates are ignored.
///
/// ```
/// use autograd::Device;
/// use models::{Init, Params, Rprop};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let theta = params.param("theta", &[], Init::ONES);
/// let mut opt = Rprop::new(&params);
/// for _ in 0..2 {
///     opt.step(theta.value().square().backward(), 0.1)?;
/// }
/// assert!((theta.value().item()? - 0.78).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
pub type Rprop = Optimizer<RpropRule>;

/// The rule of [`Rprop`].
#[derive(Clone, Debug)]
pub struct RpropRule {
    etas: [f32; 2],
    step_sizes: [f32; 2],
}

impl Rprop {
    /// Torch's defaults: etas .5 and 1.2, step sizes from 1e-6 to 50.
    pub fn new(params: &Params) -> Rprop {
        Optimizer::with_rule(params, RpropRule { etas: [0.5, 1.2], step_sizes: [1e-6, 50.0] })
    }

    /// Factors on the step size: `minus` when the sign changes, `plus` when it stays.
    pub fn etas(mut self, minus: f32, plus: f32) -> Rprop {
        self.rule.etas = [minus, plus];
        self
    }

    /// The smallest and the largest step size.
    pub fn step_sizes(mut self, min: f32, max: f32) -> Rprop {
        self.rule.step_sizes = [min, max];
        self
    }
}

impl Rule for RpropRule {
    /// The previous gradient and the step size.
    fn state(&self, shape: &[usize]) -> Vec<Vec<usize>> {
        vec![shape.to_vec(); 2]
    }

    fn update(&self, u: &Update) -> Vec<Tensor> {
        let ([minus, plus], [min, max]) = (self.etas, self.step_sizes);
        let first = u.first();
        let later = -&first + 1.0;
        let g = u.gradient();
        let agreement = (&g * &u.state[0]).sign();
        let turned = agreement.lt(0.0);
        let factor = (agreement.relu() * (plus - 1.0) + 1.0).masked_fill(&turned, minus);
        let size = ((&u.state[1] * later + u.lr * first) * factor).clamp(min, max);
        // Where the sign changed, no step is taken, and a gradient of 0 is stored so that the next step leaves the size as it is.
        let g = g.masked_fill(&turned, 0.0);
        vec![u.param - g.sign() * &size, g, size]
    }
}
