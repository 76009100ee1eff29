//! Schedules one after another.

use super::Schedule;

/// Schedules one after another, each counting from 0 when it starts, as torch's `SequentialLR`.
pub struct SequentialLr {
    schedules: Vec<Box<dyn Schedule>>,
    milestones: Vec<usize>,
}

impl SequentialLr {
    /// Schedule `i + 1` starts at step `milestones[i]`.
    ///
    /// ```
    /// use models::{ExponentialLr, Schedule, SequentialLr};
    /// let schedule =
    ///     SequentialLr::new(vec![Box::new(0.1), Box::new(ExponentialLr::new(0.4, 0.5))], [10]);
    /// assert_eq!((schedule.lr(9), schedule.lr(10), schedule.lr(11)), (0.1, 0.4, 0.2));
    /// ```
    ///
    /// # Panics
    /// When there is not exactly one milestone fewer than schedules, or they do not increase.
    #[track_caller]
    pub fn new(schedules: Vec<Box<dyn Schedule>>, milestones: impl Into<Vec<usize>>) -> SequentialLr {
        let milestones = milestones.into();
        let fits = schedules.len() == milestones.len() + 1 && milestones.windows(2).all(|m| m[0] <= m[1]);
        assert!(fits, "SequentialLr: {} schedules with milestones {milestones:?}", schedules.len());
        SequentialLr { schedules, milestones }
    }
}

impl Schedule for SequentialLr {
    fn lr(&self, step: usize) -> f32 {
        let i = self.milestones.partition_point(|&m| m <= step);
        let start = i.checked_sub(1).map_or(0, |before| self.milestones[before]);
        self.schedules[i].lr(step - start)
    }
}
