//! Which values to try next.

use data::Draws;
use serde::{Deserialize, Serialize};
use train::Goal;

use crate::{Budget, Space, Trial, bayesian, grid, halving};
use crate::{Error, Result};

/// How a study chooses what to try.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Strategy {
    /// Every combination of a few values of each hyper-parameter: all options and small ranges of whole numbers,
    /// otherwise `points` values from bound to bound.
    Grid {
        /// Values of every number from bound to bound.
        points: usize,
    },
    /// Independent draws (Bergstra and Bengio 2012).
    Random {
        /// Draws in all.
        trials: usize,
    },
    /// The largest expected improvement under a Gaussian process (Snoek, Larochelle and Adams 2012), after some random trials.
    Bayesian {
        /// Trials in all, the random ones at the beginning included.
        trials: usize,
    },
    /// `trials` random draws with the smallest budget; the best of them are tried again with a larger one, and so on (Jamieson and
    /// Talwalkar 2016).
    SuccessiveHalving {
        /// Draws with the smallest budget.
        trials: usize,
        /// What trials may spend, from the smallest to the largest.
        budget: Budget,
    },
    /// Successive halving several times, from many draws with little budget to few with all of it (Li et al. 2018).
    Hyperband {
        /// What trials may spend, from the smallest to the largest.
        budget: Budget,
    },
}

/// What a study does next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Run this trial.
    Run(Trial),
    /// What comes next depends on trials that have not ended.
    Wait,
    /// All trials were started.
    Done,
}

impl Strategy {
    /// The next trial after `trials`, of which some may not have ended; their numbers count from 0.
    ///
    /// The result depends on the arguments alone, and not on the order in which trials that run at once (at most `parallel`) end,
    /// so that an interrupted study continues as if it had not been interrupted.
    ///
    /// ```
    /// use train::Goal;
    /// use search::{Dimension, Next, Outcome, Space, Strategy, Value};
    /// let space = Space::new([("x", Dimension::Uniform(-1.0, 2.0))])?;
    /// let (strategy, mut trials) = (Strategy::Bayesian { trials: 15 }, vec![]);
    /// while let Next::Run(mut trial) = strategy.next(&space, 0, Goal::Min, &trials, 1) {
    ///     let Value::Float(x) = trial.values["x"] else { unreachable!() };
    ///     trial.outcome = Some(Outcome::Finished { objective: x * x, seconds: 0.0 });
    ///     trials.push(trial);
    /// }
    /// let best = trials.iter().filter_map(|t| t.objective()).fold(f64::INFINITY, f64::min);
    /// assert!(best < 1e-3, "{best}");
    /// # Ok::<(), search::Error>(())
    /// ```
    pub fn next(&self, space: &Space, seed: u64, goal: Goal, trials: &[Trial], parallel: usize) -> Next {
        let draw = |number: usize| space.random(&mut Draws::new(seed, 0, number as u32));
        let trial =
            |values| Trial { number: trials.len(), values, budget: None, promoted_from: None, outcome: None };
        match self {
            Strategy::Grid { points } => {
                grid::combination(space, *points, trials.len()).map_or(Next::Done, |v| Next::Run(trial(v)))
            }
            Strategy::Random { trials: all } if trials.len() < *all => Next::Run(trial(draw(trials.len()))),
            Strategy::Bayesian { trials: all } if trials.len() < *all => {
                if trials.len() < bayesian::initial(space) {
                    return Next::Run(trial(draw(trials.len())));
                }
                bayesian::propose(space, seed, goal, trials, parallel)
                    .map_or(Next::Wait, |v| Next::Run(trial(v)))
            }
            Strategy::Random { .. } | Strategy::Bayesian { .. } => Next::Done,
            Strategy::SuccessiveHalving { trials: all, budget } => {
                halving::next(&[budget.bracket(0, *all)], goal, trials, draw)
            }
            Strategy::Hyperband { budget } => halving::next(&budget.hyperband(), goal, trials, draw),
        }
    }

    /// Checks the numbers of the strategy.
    ///
    /// # Errors
    /// [`Error::Strategy`]
    pub fn check(&self, space: &Space) -> Result<()> {
        let some = |what: &str, count: usize| (count == 0).then(|| format!("{what} is 0; give at least 1"));
        let fault = match self {
            Strategy::Grid { points } => some("points", *points).or_else(|| grid::fault(space, *points)),
            Strategy::Random { trials } | Strategy::Bayesian { trials } => some("trials", *trials),
            Strategy::SuccessiveHalving { trials, budget } => {
                some("trials", *trials).or_else(|| budget.fault(space))
            }
            Strategy::Hyperband { budget } => budget.fault(space),
        };
        fault.map_or(Ok(()), |reason| Err(Error::Strategy { reason }))
    }

    /// The number of trials in all, if none fails.
    pub fn total(&self, space: &Space) -> usize {
        match self {
            Strategy::Grid { points } => grid::size(space, *points).unwrap_or(usize::MAX),
            Strategy::Random { trials } | Strategy::Bayesian { trials } => *trials,
            Strategy::SuccessiveHalving { trials, budget } => {
                budget.bracket(0, *trials).iter().map(|r| r.1).sum()
            }
            Strategy::Hyperband { budget } => budget.hyperband().iter().flatten().map(|r| r.1).sum(),
        }
    }

    /// The name of the argument with the budget, if trials have one.
    pub fn budget(&self) -> Option<&str> {
        match self {
            Strategy::SuccessiveHalving { budget, .. } | Strategy::Hyperband { budget } => Some(&budget.name),
            _ => None,
        }
    }

    /// Whether a study that began with `other` can continue with this strategy: both are equal, or differ in the number of trials
    /// only, if that does not change those already made.
    pub(super) fn continues(&self, other: &Strategy) -> bool {
        match (self, other) {
            (Strategy::Random { .. }, Strategy::Random { .. }) => true,
            (Strategy::Bayesian { .. }, Strategy::Bayesian { .. }) => true,
            _ => self == other,
        }
    }
}
