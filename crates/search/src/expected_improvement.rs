//! The most promising values: expected improvement (Jones, Schonlau and Welch 1998) over candidates of a space.

use data::Draws;

use crate::{Dimension, GaussianProcess, Space, Values};

/// The logarithm of `E[max(best - f, 0)]` for a normal `f`: it also tells improvements apart that underflow without it.
///
/// ```
/// use search::log_expected_improvement;
/// // At the best value itself it is the deviation times the density of the normal distribution at 0.
/// let value = log_expected_improvement(1.0, 2.0, 1.0).exp();
/// assert!((value - 2.0 * 0.3989422804014327).abs() < 1e-12);
/// ```
pub fn log_expected_improvement(mean: f64, deviation: f64, best: f64) -> f64 {
    if deviation <= 0.0 {
        return (best - mean).max(0.0).ln();
    }
    let z = (best - mean) / deviation;
    let log_density = -0.5 * (z * z + std::f64::consts::TAU.ln());
    let tail = if z > -10.0 {
        let below = 0.5 * libm::erfc(-z / std::f64::consts::SQRT_2);
        (log_density.exp() + z * below).ln()
    } else {
        // The first terms of an expansion in 1 / z^2; what is left out is below 105 / z^6.
        let square = z * z;
        log_density - square.ln() + ((15.0 / square - 3.0) / square).ln_1p()
    };
    deviation.ln() + tail
}

/// Candidates drawn from the whole space, and around each of the best trials.
const EVERYWHERE: usize = 1000;
const AROUND: usize = 100;
/// The best candidates, which are refined by [`climb`].
const CLIMBERS: usize = 4;

/// The values not in `tried` with the largest expected improvement on `best`, also searched around `promising`. If all candidates
/// were tried, the best of them is tried again.
pub(super) fn most_promising(
    space: &Space,
    process: &GaussianProcess,
    best: f64,
    tried: &[Values],
    promising: &[Values],
    draws: &mut Draws,
) -> Values {
    let noise = process.kernel().noise;
    let gain = |values: &Values| {
        let (mean, deviation) = process.predict(&space.encode(values));
        // The worth of measuring again at a known place, given the noise (Huang et al. 2006, augmented expected improvement).
        let fresh = 1.0 - (noise / (deviation * deviation + noise)).sqrt();
        log_expected_improvement(mean, deviation, best) + fresh.ln()
    };
    let mut candidates: Vec<Values> = (0..EVERYWHERE).map(|_| space.random(draws)).collect();
    for values in promising {
        let point = space.point(values);
        candidates.extend((0..AROUND).map(|i| nearby(space, &point, 0.2 * 0.97f64.powi(i as i32), draws)));
    }
    let mut scored: Vec<(f64, Values)> = candidates.into_iter().map(|v| (gain(&v), v)).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let climbed: Vec<_> =
        scored.iter().take(CLIMBERS).map(|start| climb(space, start.clone(), gain)).collect();
    let fresh = climbed.into_iter().chain(scored.iter().cloned()).filter(|(_, v)| !tried.contains(v));
    let most = fresh.max_by(|a, b| a.0.total_cmp(&b.0));
    most.unwrap_or_else(|| scored.swap_remove(0)).1
}

/// Values at a normal distance from a point; now and then another option of a choice.
fn nearby(space: &Space, point: &[f64], deviation: f64, draws: &mut Draws) -> Values {
    let move_one = |((_, dimension), &u): ((&str, &Dimension), &f64)| match dimension {
        Dimension::Choice(_) if draws.unit() < 0.1 => draws.unit(),
        Dimension::Choice(_) => u,
        _ => (u + deviation * draws.normal()).clamp(0.0, 1.0),
    };
    let moved: Vec<f64> = space.iter().zip(point).map(move_one).collect();
    space.at(&moved)
}

/// Moves one coordinate after another as long as the gain grows, by ever smaller steps.
fn climb(space: &Space, start: (f64, Values), gain: impl Fn(&Values) -> f64) -> (f64, Values) {
    let (mut most, mut values) = start;
    let mut point = space.point(&values);
    let mut step = 0.05;
    while step > 5e-4 {
        let mut moved = false;
        for (i, (_, dimension)) in space.iter().enumerate() {
            if matches!(dimension, Dimension::Choice(_)) {
                continue;
            }
            for direction in [-step, step] {
                let mut next = point.clone();
                next[i] = (next[i] + direction).clamp(0.0, 1.0);
                let candidate = space.at(&next);
                let value = gain(&candidate);
                if value > most {
                    (most, values, point, moved) = (value, candidate, next, true);
                }
            }
        }
        if !moved {
            step *= 0.5;
        }
    }
    (most, values)
}
