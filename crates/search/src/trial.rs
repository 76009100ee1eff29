//! One run of the program under study.

use serde::{Deserialize, Serialize};
use train::Goal;

use crate::Values;

/// Values that were tried, with their budget and outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Counted from 0 within a study.
    pub number: usize,
    /// The value of each hyper-parameter.
    pub values: Values,
    /// What the program may spend, such as epochs, where the strategy gives different budgets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<i64>,
    /// The trial of the same values with a smaller budget that this one was promoted from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoted_from: Option<usize>,
    /// `None` while it runs, or if the study was interrupted then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// How a trial ended; times are in seconds by the clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// The program ended well and printed the objective.
    Finished {
        /// What the strategy minimises or maximises.
        objective: f64,
        /// Duration by the clock.
        seconds: f64,
    },
    /// There is no objective; `error` says why.
    Failed {
        /// What went wrong.
        error: String,
        /// Duration by the clock.
        seconds: f64,
    },
}

impl Trial {
    /// The objective, if the trial has ended well.
    pub fn objective(&self) -> Option<f64> {
        match self.outcome {
            Some(Outcome::Finished { objective, .. }) => Some(objective),
            _ => None,
        }
    }

    /// Whether it ended, well or not.
    pub fn ended(&self) -> bool {
        self.outcome.is_some()
    }
}

/// The objective as something to minimise.
pub(super) fn loss(goal: Goal, objective: f64) -> f64 {
    match goal {
        Goal::Min => objective,
        Goal::Max => -objective,
    }
}

/// The trials that ended well, the best first; equal ones keep their order.
pub(super) fn ranked<'a>(goal: Goal, trials: impl IntoIterator<Item = &'a Trial>) -> Vec<&'a Trial> {
    let scored = trials.into_iter().filter_map(|trial| Some((loss(goal, trial.objective()?), trial)));
    let mut scored: Vec<(f64, &Trial)> = scored.collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    scored.into_iter().map(|(_, trial)| trial).collect()
}
