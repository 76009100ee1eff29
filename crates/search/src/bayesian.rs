//! Bayesian search: a Gaussian process of the objective, and the trial with the largest expected improvement.

use data::Draws;
use train::Goal;

use crate::expected_improvement::most_promising;
use crate::trial::{loss, ranked};
use crate::{GaussianProcess, Space, Trial, Values};

/// Best trials whose neighbourhood is searched, too.
const PROMISING: usize = 3;

/// Random trials to begin with.
pub(super) fn initial(space: &Space) -> usize {
    2 * (space.iter().len() + 1)
}

/// Values for the next trial, or `None` if it has to wait for another.
///
/// Only the results of all but the last `parallel - 1` trials are used, so that trials do not depend on which of those running at
/// once ends first. The others are assumed to have the objectives that the process predicts, which keeps the next trial away from
/// them (Ginsbourger, Le Riche and Carraro 2010). Failed trials count as the worst objective seen.
pub(super) fn propose(
    space: &Space,
    seed: u64,
    goal: Goal,
    trials: &[Trial],
    parallel: usize,
) -> Option<Values> {
    let (known, pending) = trials.split_at((trials.len() + 1).saturating_sub(parallel.max(1)));
    if !known.iter().all(Trial::ended) {
        return None;
    }
    // The draws of epoch 0 are for random trials.
    let mut draws = Draws::new(seed, 1, trials.len() as u32);
    let ranked = ranked(goal, known);
    let Some(worst) = ranked.last().and_then(|t| t.objective()) else {
        return Some(space.random(&mut draws));
    };
    let y = standardised(known.iter().map(|t| loss(goal, t.objective().unwrap_or(worst))).collect());
    let x: Vec<Vec<f64>> = known.iter().map(|t| space.encode(&t.values)).collect();
    let mut process = GaussianProcess::fit(&x, &y, &space.columns());
    let best = x.iter().map(|x| process.predict(x).0).fold(f64::INFINITY, f64::min);
    for trial in pending {
        let point = space.encode(&trial.values);
        let mean = process.predict(&point).0;
        match process.with(point, mean) {
            Some(more) => process = more,
            None => return Some(space.random(&mut draws)),
        }
    }
    let tried: Vec<Values> = trials.iter().map(|t| t.values.clone()).collect();
    let promising: Vec<Values> = ranked.iter().take(PROMISING).map(|t| t.values.clone()).collect();
    Some(most_promising(space, &process, best, &tried, &promising, &mut draws))
}

/// The values scaled to mean 0 and variance 1.
fn standardised(mut y: Vec<f64>) -> Vec<f64> {
    let n = y.len() as f64;
    let mean = y.iter().sum::<f64>() / n;
    let deviation = (y.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / n).sqrt();
    // All equal, or beyond f64: there is no deviation to scale by.
    let scale = if deviation > 0.0 && deviation.is_finite() { deviation } else { 1.0 };
    y.iter_mut().for_each(|y| *y = if mean.is_finite() { (*y - mean) / scale } else { 0.0 });
    y
}
