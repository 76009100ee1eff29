//! Mel filter banks.

use super::Spectrogram;
use crate::error::{Error, Result};

/// Which mel scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MelScale {
    /// Linear below 1000 Hz and logarithmic above, as in Slaney's Auditory Toolbox; librosa's default.
    Slaney,
    /// `2595 log10(1 + f / 700)`, as in the Hidden Markov Model Toolkit; torchaudio's default.
    Htk,
}

/// A bank of triangular filters whose corners are evenly spaced in mel: librosa's `filters.mel`.
#[doc(alias("MelScale", "MelSpectrogram"))]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mel {
    /// Samples a second.
    pub rate: u32,
    /// Number of filters.
    pub bands: usize,
    /// Where the first filter begins, in Hz.
    pub low: f64,
    /// Where the last filter ends, in Hz.
    pub high: f64,
    /// How frequencies become mel.
    pub scale: MelScale,
    /// Whether every filter has the same area ("slaney" norm), not the same height of 1.
    pub normalize: bool,
}

impl Mel {
    /// librosa's default: 128 bands from 0 Hz to half of the rate, on Slaney's scale, of equal area.
    pub fn new(rate: u32) -> Mel {
        let high = f64::from(rate) / 2.0;
        Mel { rate, bands: 128, low: 0.0, high, scale: MelScale::Slaney, normalize: true }
    }

    /// The weights `[bands, n_fft / 2 + 1]` for transforms of `n_fft` samples.
    ///
    /// # Errors
    /// [`Error::Audio`] if there are no bands or more than 2^16, `n_fft` is 0, or `low..high` is empty or not within 0 and half
    /// of the rate.
    pub fn filters(&self, n_fft: usize) -> Result<Vec<f64>> {
        let half = f64::from(self.rate) / 2.0;
        let ordered = 0.0 <= self.low && self.low < self.high && self.high <= half;
        if !(1..=1 << 16).contains(&self.bands) || n_fft == 0 || !ordered {
            return Err(Error::Audio(format!(
                "{self:?} for transforms of {n_fft}; choose 1 to 2^16 bands, and frequencies in order up to {half} Hz"
            )));
        }
        let [low, high] = [self.low, self.high].map(|f| self.scale.mel(f));
        let corner = |i: usize| self.scale.hertz(low + (high - low) * i as f64 / (self.bands + 1) as f64);
        let weights = |band: usize| {
            let [left, middle, right] = [0, 1, 2].map(|i| corner(band + i));
            let area = if self.normalize { 2.0 / (right - left) } else { 1.0 };
            (0..=n_fft / 2).map(move |bin| {
                let f = bin as f64 * f64::from(self.rate) / n_fft as f64;
                let (rising, falling) = ((f - left) / (middle - left), (right - f) / (right - middle));
                area * rising.min(falling).max(0.0)
            })
        };
        Ok((0..self.bands).flat_map(weights).collect())
    }

    /// The power in each band, `[bands, frames]`, of a power spectrogram `[n_fft / 2 + 1, frames]`.
    ///
    /// # Errors
    /// As [`filters`](Mel::filters).
    pub fn apply(&self, power: &Spectrogram) -> Result<Spectrogram> {
        let n_fft = 2 * power.shape()[0].saturating_sub(1);
        Ok(power.times(&self.filters(n_fft)?))
    }
}

/// Slaney's scale: where it turns logarithmic, in Hz and in mel; from there, `STEPS` mel multiply the frequency by `FACTOR`.
const BEND: (f64, f64) = (1000.0, 15.0);
const STEPS: f64 = 27.0;
const FACTOR: f64 = 6.4;

impl MelScale {
    fn mel(self, hertz: f64) -> f64 {
        match self {
            MelScale::Htk => 2595.0 * (1.0 + hertz / 700.0).log10(),
            MelScale::Slaney if hertz < BEND.0 => hertz * BEND.1 / BEND.0,
            MelScale::Slaney => BEND.1 + (hertz / BEND.0).ln() * STEPS / FACTOR.ln(),
        }
    }

    fn hertz(self, mel: f64) -> f64 {
        match self {
            MelScale::Htk => 700.0 * (10f64.powf(mel / 2595.0) - 1.0),
            MelScale::Slaney if mel < BEND.1 => mel * BEND.0 / BEND.1,
            MelScale::Slaney => BEND.0 * ((mel - BEND.1) * FACTOR.ln() / STEPS).exp(),
        }
    }
}
