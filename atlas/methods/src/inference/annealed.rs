//! Annealed importance sampling (Neal 2001).

use autograd::{Generator, Tensor};

use super::Importance;

/// Annealed importance sampling: moves samples `start [C, D]` of a first distribution along a path of distributions to the last, and
/// returns their importance weights and final states. The [`log_mean`](Importance::log_mean) of the weights estimates the log ratio of the
/// last normalising constant to the first.
///
/// `log_density(x, b) -> [C]` is the path, from `b = 0`, the distribution of `start`, to 1, evaluated at the points of `schedule`, which
/// rises from 0 to 1. `transition(x, b, generator)` is a Markov step that leaves the distribution at `b` invariant.
///
/// # Errors
/// Whatever goes wrong on the device.
///
/// # Panics
/// When the schedule does not go from 0 to 1, or a weight is NaN.
#[track_caller]
pub fn annealed_importance(
    start: &Tensor,
    schedule: &[f32],
    log_density: impl Fn(&Tensor, f32) -> Tensor,
    transition: impl Fn(&Tensor, f32, &Generator) -> Tensor,
    generator: &Generator,
) -> autograd::Result<(Importance, Tensor)> {
    let ends = (schedule.first(), schedule.last());
    assert!(ends == (Some(&0.0), Some(&1.0)), "annealed_importance: a schedule from {ends:?}");
    let mut state = start.detach();
    let mut log_weights = Tensor::zeros(start.device(), &[start.shape()[0]]);
    for pair in schedule.windows(2) {
        log_weights = (log_weights + log_density(&state, pair[1]) - log_density(&state, pair[0])).detach();
        state = transition(&state, pair[1], generator).detach();
        autograd::evaluate(&[&state, &log_weights])?;
    }
    let log_weights = log_weights.to_vec::<f32>()?.into_iter().map(f64::from).collect();
    Ok((Importance::new(log_weights), state))
}
