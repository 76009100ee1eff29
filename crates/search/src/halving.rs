//! Successive halving: many trials with a small budget, and the best of them again with ever more.

use serde::{Deserialize, Serialize};
use train::Goal;

use crate::space::is_name;
use crate::trial::ranked;
use crate::{Next, Space, Trial, Values};

/// The budgets of trials, in whole numbers: `max`, divided by ever higher powers of `factor` down to `min`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// The name of the argument that passes the budget to the program, such as `epochs`.
    pub name: String,
    /// The smallest budget whose results are meaningful.
    pub min: i64,
    /// The budget of the last trials.
    pub max: i64,
    /// One trial in this many is promoted, with this many times the budget.
    #[serde(default = "three")]
    pub factor: i64,
}

fn three() -> i64 {
    3
}

/// Budgets with their numbers of trials, the smallest budget first.
pub(super) type Bracket = Vec<(i64, usize)>;

/// The largest ratio of `max` to `min`, which bounds the trials of Hyperband's brackets.
const MOST: usize = 1_000_000;

impl Budget {
    pub(super) fn fault(&self, space: &Space) -> Option<String> {
        let Budget { name, min, max, factor } = self;
        if !is_name(name) {
            Some(format!("the budget's name {name:?} is not of letters, digits and `_-.`, as epochs is"))
        } else if space.get(name).is_some() {
            Some(format!("{name} is the budget and a hyper-parameter"))
        } else if *min < 1 || max <= min || *factor < 2 {
            Some(format!(
                "budgets need 1 <= min < max and a factor of 2 or more, not {min}, {max} and {factor}"
            ))
        } else if max / min > MOST as i64 {
            Some(format!("budgets from {min} to {max} are too far apart; at most {MOST} times"))
        } else {
            None
        }
    }

    /// All budgets, the smallest first.
    fn rungs(&self) -> Vec<i64> {
        let mut rungs = vec![];
        let mut divisor = 1;
        while self.max / divisor >= self.min {
            rungs.push(self.max / divisor);
            divisor *= self.factor;
        }
        rungs.reverse();
        rungs
    }

    /// Successive halving of `trials` from rung `first` on.
    pub(super) fn bracket(&self, first: usize, trials: usize) -> Bracket {
        let rungs = self.rungs().into_iter().skip(first);
        let mut left = trials;
        let sized = rungs.map(|budget| {
            let rung = (budget, left.max(1));
            left /= self.factor as usize;
            rung
        });
        sized.collect()
    }

    /// Hyperband's brackets: `n = ceil((s_max + 1) / (s + 1) factor^s)` trials that start `s` rungs below the largest budget.
    pub(super) fn hyperband(&self) -> Vec<Bracket> {
        let rungs = self.rungs().len();
        let bracket = |s: usize| {
            let trials = (rungs * self.factor.pow(s as u32) as usize).div_ceil(s + 1);
            self.bracket(rungs - 1 - s, trials)
        };
        (0..rungs).rev().map(bracket).collect()
    }
}

/// The next trial of brackets that are run one after another. A rung waits for the one below: promotion must not depend on which
/// trial ends first.
pub(super) fn next(
    brackets: &[Bracket],
    goal: Goal,
    trials: &[Trial],
    draw: impl Fn(usize) -> Values,
) -> Next {
    let number = trials.len();
    let (mut start, mut drawn) = (0, 0);
    for bracket in brackets {
        let mut below: &[Trial] = &[];
        for (rung, &(budget, size)) in bracket.iter().enumerate() {
            let fresh = rung == 0;
            if !fresh && !below.iter().all(Trial::ended) {
                return Next::Wait;
            }
            let promoted = ranked(goal, below);
            let size = if fresh { size } else { size.min(promoted.len()) };
            if number < start + size {
                let parent = (!fresh).then(|| promoted[number - start]);
                let values = parent.map_or_else(|| draw(drawn + number - start), |p| p.values.clone());
                let promoted_from = parent.map(|p| p.number);
                return Next::Run(Trial {
                    number,
                    values,
                    budget: Some(budget),
                    promoted_from,
                    outcome: None,
                });
            }
            below = &trials[start..start + size];
            start += size;
        }
        drawn += bracket[0].1;
    }
    Next::Done
}
