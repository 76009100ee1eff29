//! Rates that fall at milestones.

use super::Schedule;

/// `lr * gamma^k` after `k` of the milestones have been reached (torch's `StepLR` and `MultiStepLR`).
#[doc(alias("StepLR", "MultiStepLR"))]
#[derive(Clone, Debug)]
pub struct Step {
    lr: f64,
    gamma: f64,
    milestones: Vec<usize>,
}

impl Step {
    /// Multiplied by `gamma` at each of the given steps.
    ///
    /// ```
    /// use models::{Schedule, Step};
    /// let he = Step::new(0.1, 0.1, [32_000, 48_000]);
    /// assert_eq!((he.lr(31_999), he.lr(32_000)), (0.1, 0.01));
    /// ```
    pub fn new(lr: impl Into<f64>, gamma: impl Into<f64>, milestones: impl Into<Vec<usize>>) -> Step {
        Step { lr: lr.into(), gamma: gamma.into(), milestones: milestones.into() }
    }
}

impl Schedule for Step {
    fn lr(&self, step: usize) -> f32 {
        let reached = self.milestones.iter().filter(|&&m| step >= m).count();
        (self.lr * self.gamma.powi(reached as i32)) as f32
    }
}
