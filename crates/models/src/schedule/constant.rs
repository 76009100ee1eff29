//! Constant rates, and rates that change once.

use super::Schedule;

/// Always the same rate.
impl Schedule for f32 {
    fn lr(&self, _: usize) -> f32 {
        *self
    }
}

/// `lr * factor` for the first `steps` steps, then `lr`, as torch's `ConstantLR`.
#[derive(Clone, Copy, Debug)]
pub struct ConstantLr {
    lr: f64,
    factor: f64,
    steps: usize,
}

impl ConstantLr {
    /// ```
    /// use models::{ConstantLr, Schedule};
    /// let schedule = ConstantLr::new(0.1, 0.5, 3);
    /// assert_eq!((schedule.lr(2), schedule.lr(3)), (0.05, 0.1));
    /// ```
    pub fn new(lr: impl Into<f64>, factor: impl Into<f64>, steps: usize) -> ConstantLr {
        ConstantLr { lr: lr.into(), factor: factor.into(), steps }
    }
}

impl Schedule for ConstantLr {
    fn lr(&self, step: usize) -> f32 {
        (if step < self.steps { self.lr * self.factor } else { self.lr }) as f32
    }
}
