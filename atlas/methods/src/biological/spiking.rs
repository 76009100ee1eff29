//! Spiking neurons.

use autograd::Tensor;

/// The rate of a leaky integrate-and-fire neuron under a constant current, in spikes by time: `1 / (refractory + tau log(I / (I - 1)))`, with a
/// threshold of 1 and a resistance of 1; 0 up to the current 1 (Gerstner and Kistler 2002, "Spiking neuron models", section 4.1).
///
/// ```
/// use methods::biological::lif_rate;
/// assert_eq!(lif_rate(1.0, 10.0, 2.0), 0.0);
/// let current = 1.0 / (1.0 - (-1.0f64).exp());
/// assert!((lif_rate(current, 10.0, 2.0) - 1.0 / 12.0).abs() < 1e-12);
/// ```
pub fn lif_rate(current: f64, tau: f64, refractory: f64) -> f64 {
    if current > 1.0 { 1.0 / (refractory + tau * (current / (current - 1.0)).ln()) } else { 0.0 }
}

/// 1 where `x` is above 0, else 0, with the gradient `1 / (1 + steepness |x|)^2` in place of one that is 0 nearly everywhere (SuperSpike, Zenke and
/// Ganguli 2018).
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::biological::spike;
/// let x = Tensor::from_slice(&Device::named("cpu")?, &[-0.1f32, 0.0, 0.3], &[3])?.variable();
/// let spikes = spike(&x, 10.0);
/// assert_eq!(spikes.to_vec::<f32>()?, [0.0, 0.0, 1.0]);
/// assert_eq!(spikes.sum_all().backward().get(&x).unwrap().to_vec::<f32>()?, [0.25, 1.0, 0.0625]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub fn spike(x: &Tensor, steepness: f32) -> Tensor {
    let smooth = x / (x.abs() * steepness + 1.0);
    x.detach().heaviside(0.0) + (&smooth - smooth.detach())
}

/// The spikes of leaky integrate-and-fire neurons under a constant `current [N, D]` in each of `steps` steps: a membrane keeps the share `decay` of
/// its potential, takes in `1 - decay` of its current, spikes above 1, and loses 1 for each spike. For steps much shorter than the rates, `decay` is
/// `exp(-step / tau)`.
#[track_caller]
pub fn lif_spikes(current: &Tensor, decay: f32, steps: usize, steepness: f32) -> Vec<Tensor> {
    let taken = current * (1.0 - decay);
    let mut potential = current.zeros_like();
    (0..steps)
        .map(|_| {
            potential = &potential * decay + &taken;
            let spikes = spike(&(&potential - 1.0), steepness);
            potential = &potential - &spikes;
            spikes
        })
        .collect()
}
