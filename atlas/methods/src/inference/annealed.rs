//! Annealed importance sampling (Neal 2001).

use autograd::{Generator, Tensor};

use super::Importance;

/// Carries samples `start [C, D]` of a first distribution through a path of distributions to the last, and weighs them so that they
/// stand for it: their [`log_mean`](Importance::log_mean) estimates the logarithm of the ratio of the last normalising constant to
/// the first. Also returns where they end.
///
/// `log_density(x, b) -> [C]` is the path, from `b = 0`, where `start` comes from, to 1; its places are `schedule`, which rises from
/// 0 to 1. `transition(x, b, generator)` is a step of a Markov chain that leaves the distribution at `b` as it is.
///
/// # Errors
/// Whatever goes wrong on the device.
///
/// # Panics
/// When the schedule does not go from 0 to 1, or a weight is no number.
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
