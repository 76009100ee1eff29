//! The bootstrap particle filter (Gordon, Salmond and Smith 1993).

use autograd::{Generator, Tensor};

use super::Importance;

/// The result of a particle filter on a time series.
#[derive(Clone, Debug, Default)]
pub struct Track {
    /// The expected state `[S]` at each time, given the observations so far.
    pub means: Vec<Vec<f64>>,
    /// The effective sample size of the particles at each time, before resampling.
    pub effective_sizes: Vec<f64>,
    /// An estimate of the log-density of the observations.
    pub log_likelihood: f64,
}

/// Tracks the state of a time series by particles: `start [N, S]` are samples of the state at the first observation. `propagate(x, t,
/// generator)` samples the next states `[N, S]` given states `x` at time `t`; `log_likelihood(x, t)` is the log-density `[N]` of the
/// observation at time `t` given each state, for `t` in `0..steps`. Particles are resampled systematically when the effective sample size
/// falls below half their number.
///
/// # Errors
/// Whatever goes wrong on the device.
///
/// # Panics
/// When an observation has probability 0 for every particle, or `start` is not two-dimensional.
#[track_caller]
pub fn particle_filter(
    start: &Tensor,
    steps: usize,
    propagate: impl Fn(&Tensor, usize, &Generator) -> Tensor,
    log_likelihood: impl Fn(&Tensor, usize) -> Tensor,
    generator: &Generator,
) -> autograd::Result<Track> {
    let &[count, dims] = start.shape() else { panic!("particle_filter: {:?} is not [N, S]", start.shape()) };
    let mut track = Track::default();
    let mut particles = start.detach();
    let mut log_weights = vec![-(count as f64).ln(); count];
    for t in 0..steps {
        if t > 0 {
            particles = propagate(&particles, t - 1, generator).detach();
        }
        let likelihood = log_likelihood(&particles, t).to_vec::<f32>()?;
        log_weights.iter_mut().zip(likelihood).for_each(|(w, l)| *w += f64::from(l));
        let importance = Importance::new(log_weights);
        let log_sum = importance.log_mean() + (count as f64).ln();
        track.log_likelihood += log_sum;
        track.effective_sizes.push(importance.effective_size());
        let values = particles.to_vec::<f32>()?;
        let coordinate =
            |s: usize| importance.mean(values.iter().skip(s).step_by(dims).map(|&x| f64::from(x)));
        track.means.push((0..dims).map(coordinate).collect());
        // The uniform number is always drawn, so that the random stream does not depend on the weights.
        let offset = generator.uniform(start.device(), &[1]);
        log_weights = if importance.effective_size() < 0.5 * count as f64 {
            let chosen: Vec<i32> =
                importance.resample(offset.item()?.into()).into_iter().map(|i| i as i32).collect();
            particles = particles.index_select(0, &Tensor::from_slice(start.device(), &chosen, &[count])?);
            vec![-(count as f64).ln(); count]
        } else {
            importance.weights().iter().map(|w| w.ln()).collect()
        };
    }
    Ok(track)
}
