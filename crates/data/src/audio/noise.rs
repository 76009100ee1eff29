//! Noise at a given loudness.

use crate::draws::Draws;
use crate::error::{Error, Result};

/// `signal + k noise` with the `k` that makes `10 log10(power(signal) / power(k noise))` the signal-to-noise ratio `snr`, in decibels:
/// torchaudio's `add_noise`. Silent noise, or noise on a silent signal, adds nothing.
///
/// # Errors
/// [`Error::Audio`] if the lengths differ, or `snr` is not finite.
pub fn add_noise(signal: &[f32], noise: &[f32], snr: f64) -> Result<Vec<f32>> {
    if signal.len() != noise.len() || !snr.is_finite() {
        return Err(Error::Audio(format!(
            "noise of {} samples at {snr} dB for a signal of {}; cut or repeat it, and choose a finite ratio",
            noise.len(),
            signal.len()
        )));
    }
    let energy = |x: &[f32]| x.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
    let (own, other) = (energy(signal), energy(noise));
    let scale = if other > 0.0 { (own / other / 10f64.powf(snr / 10.0)).sqrt() as f32 } else { 0.0 };
    Ok(signal.iter().zip(noise).map(|(x, n)| x + scale * n).collect())
}

/// [`add_noise`] with Gaussian white noise.
///
/// # Errors
/// [`Error::Audio`] if `snr` is not finite.
///
/// ```
/// use data::{Draws, audio::add_white_noise};
/// let signal: Vec<f32> = (0..1000).map(|i| (i as f32 * 0.1).sin()).collect();
/// let noisy = add_white_noise(&signal, 10.0, &mut Draws::new(42, 0, 7))?;
/// let power = |x: &mut dyn Iterator<Item = f32>| x.map(|x| x * x).sum::<f32>();
/// let (own, added) = (power(&mut signal.iter().copied()), power(&mut noisy.iter().zip(&signal).map(|(n, s)| n - s)));
/// assert!((own / added - 10.0).abs() < 1e-3);
/// # Ok::<(), data::Error>(())
/// ```
pub fn add_white_noise(signal: &[f32], snr: f64, draws: &mut Draws) -> Result<Vec<f32>> {
    let noise: Vec<f32> = signal.iter().map(|_| draws.normal() as f32).collect();
    add_noise(signal, &noise, snr)
}
