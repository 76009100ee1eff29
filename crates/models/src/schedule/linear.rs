//! Linear schedules.

use super::{Anneal, Schedule, ratio};

/// From `lr * start` to `lr * end` linearly over `steps` steps, then constant, as torch's `LinearLR`.
#[derive(Clone, Copy, Debug)]
pub struct LinearLr {
    lr: f64,
    start: f64,
    end: f64,
    steps: usize,
}

impl LinearLr {
    /// ```
    /// use models::{LinearLr, Schedule};
    /// let schedule = LinearLr::new(0.1, 1.0, 0.5, 10);
    /// assert_eq!((schedule.lr(0), schedule.lr(5), schedule.lr(20)), (0.1, 0.075, 0.05));
    /// ```
    pub fn new(lr: impl Into<f64>, start: impl Into<f64>, end: impl Into<f64>, steps: usize) -> LinearLr {
        LinearLr { lr: lr.into(), start: start.into(), end: end.into(), steps }
    }
}

impl Schedule for LinearLr {
    fn lr(&self, step: usize) -> f32 {
        let at = ratio(step.min(self.steps) as f64, self.steps as f64);
        (self.lr * Anneal::Linear.between(self.start, self.end, at)) as f32
    }
}
