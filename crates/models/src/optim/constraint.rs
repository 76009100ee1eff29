//! Projections and proximal steps after an update.

use autograd::Tensor;

/// A constraint that [`Optimizer::constrain`](super::Optimizer::constrain) applies to a parameter after every update, for projected and
/// proximal gradient descent (Parikh and Boyd 2014, "Proximal Algorithms").
///
/// ```
/// use autograd::Device;
/// use models::{Constraint, Init, Params, Sgd};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let x = params.param("x", &[2], Init::Constant(3.0));
/// let mut opt = Sgd::new(&params).constrain("x", Constraint::Ball { radius: 1.0 });
/// opt.step(x.value().sum_all().backward(), 0.1)?;
/// assert!((x.value().to_vec::<f32>()?[0] - 0.5f32.sqrt()).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Constraint {
    /// Every element is within `low..=high`; bounds may be infinite.
    Box {
        /// Smallest value.
        low: f32,
        /// Largest value.
        high: f32,
    },
    /// The parameter's L2 norm is at most `radius`.
    Ball {
        /// Largest norm.
        radius: f32,
    },
    /// The parameter's L2 norm is `radius`: in front of a batch norm, which its norm does not change, this keeps the relative size of a step.
    Sphere {
        /// The norm.
        radius: f32,
    },
    /// The proximal step of an L1 penalty `strength |p|`: elements move towards 0 by `lr strength`, and stay there once they
    /// reach it (soft thresholding).
    L1 {
        /// Factor of the L1 norm in the loss.
        strength: f32,
    },
}

impl Constraint {
    /// The nearest point that satisfies the constraint, or the proximal point after a step of learning rate `lr`.
    #[track_caller]
    pub fn apply(self, x: &Tensor, lr: f32) -> Tensor {
        match self {
            Constraint::Box { low, high } => x.clamp(low, high),
            // For the zero vector the quotient is infinite, and is clamped to 1.
            Constraint::Ball { radius } => x * (radius / norm(x)).clamp_max(1.0),
            Constraint::Sphere { radius } => x * (radius / norm(x).clamp_min(1e-12)),
            Constraint::L1 { strength } => x.sign() * (x.abs() - lr * strength).relu(),
        }
    }
}

/// The L2 norm of all elements.
fn norm(x: &Tensor) -> Tensor {
    x.norm(2.0, &(0..x.rank() as isize).collect::<Vec<_>>(), false)
}
