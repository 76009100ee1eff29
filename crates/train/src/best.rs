//! The best value of a figure so far.

use serde::{Deserialize, Serialize};

/// Which values of a figure are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Larger values, as for an accuracy.
    Max,
    /// Smaller values, as for a loss.
    Min,
}

/// The best value of a figure so far.
///
/// ```
/// use train::{Best, Goal};
/// let mut best = Best::new(Goal::Max);
/// assert_eq!([0.5, f64::NAN, 0.4, 0.6].map(|x| best.improve(x)), [true, false, false, true]);
/// assert_eq!(best.value, Some(0.6));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    goal: Goal,
    /// By how much a value must be better.
    pub min_delta: f64,
    /// The best value; `None` before the first one.
    pub value: Option<f64>,
}

impl Best {
    /// No value yet.
    pub fn new(goal: Goal) -> Best {
        Best { goal, min_delta: 0.0, value: None }
    }

    /// Takes a value, and returns whether it is the best so far. NaN never is.
    pub fn improve(&mut self, value: f64) -> bool {
        let better = match (self.value, self.goal) {
            _ if value.is_nan() => false,
            (None, _) => true,
            (Some(best), Goal::Max) => value > best + self.min_delta,
            (Some(best), Goal::Min) => value < best - self.min_delta,
        };
        if better {
            self.value = Some(value);
        }
        better
    }
}
