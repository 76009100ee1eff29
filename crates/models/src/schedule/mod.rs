//! Learning rates over time, one schedule per file.

mod constant;
mod cosine;
mod cyclic;
mod decay;
mod linear;
mod one_cycle;
mod plateau;
mod scaling;
mod sequential;
mod step;
mod warmup;

use std::f64::consts::PI;

pub use constant::ConstantLr;
pub use cosine::{Cosine, CosineAnnealingWarmRestarts};
pub use cyclic::CyclicLr;
pub use decay::{ExponentialLr, InverseTimeLr, PolynomialLr};
pub use linear::LinearLr;
pub use one_cycle::OneCycle;
pub use plateau::ReduceLrOnPlateau;
pub use scaling::{linear_scaled, sqrt_scaled};
pub use sequential::SequentialLr;
pub use step::Step;
pub use warmup::Warmup;

/// A learning rate for every optimizer step, counted from 0. A number is the schedule of a constant rate.
#[doc(alias("lr_scheduler", "LRScheduler", "LambdaLR"))]
pub trait Schedule {
    /// The rate for step `step`.
    fn lr(&self, step: usize) -> f32;
}

impl<S: Schedule + ?Sized> Schedule for Box<S> {
    fn lr(&self, step: usize) -> f32 {
        (**self).lr(step)
    }
}

/// How to interpolate between two values.
#[derive(Clone, Copy, Debug)]
enum Anneal {
    /// Half a cosine.
    Cosine,
    Linear,
}

impl Anneal {
    /// From `from` at 0 to `to` at 1. In f64, as cancellation near the end of a cosine loses digits.
    fn between(self, from: f64, to: f64, at: f64) -> f64 {
        match self {
            Anneal::Cosine => to + (from - to) * 0.5 * (1.0 + (PI * at).cos()),
            Anneal::Linear => from + (to - from) * at,
        }
    }
}

/// `part / whole`, or 1 if `whole` is 0.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 1.0 } else { part / whole }
}
