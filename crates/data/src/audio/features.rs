//! Decibels, cepstral coefficients and deltas of spectrograms.

use super::Spectrogram;
use crate::error::{Error, Result};

/// Smaller powers are raised to this before the logarithm.
const LEAST: f32 = 1e-10;
/// How far below the loudest value others may lie, in decibels.
const RANGE: f32 = 80.0;

/// `10 log10(max(p, 1e-10))`, raised to at least 80 below the largest: librosa's `power_to_db`. Of a mel spectrogram, this is the
/// log-mel spectrogram.
pub fn power_to_db(power: &Spectrogram) -> Spectrogram {
    let mut db = power.clone();
    db.values_mut().iter_mut().for_each(|p| *p = 10.0 * p.max(LEAST).log10());
    let floor = db.values().iter().copied().fold(f32::NEG_INFINITY, f32::max) - RANGE;
    db.values_mut().iter_mut().for_each(|p| *p = p.max(floor));
    db
}

/// The first `count` mel-frequency cepstral coefficients `[count, frames]` of a log-mel spectrogram `[bands, frames]`: the orthonormal
/// discrete cosine transform (DCT-II) of each frame, as librosa's `mfcc`.
///
/// # Errors
/// [`Error::Audio`] if there are fewer bands than coefficients.
pub fn mfcc(log_mel: &Spectrogram, count: usize) -> Result<Spectrogram> {
    let [bands, _] = log_mel.shape();
    if count > bands {
        return Err(Error::Audio(format!(
            "{count} coefficients of {bands} bands; use at least as many bands"
        )));
    }
    let n = bands as f64;
    let weight = |k: usize, i: usize| {
        let scale = if k == 0 { (1.0 / n).sqrt() } else { (2.0 / n).sqrt() };
        scale * (std::f64::consts::PI * k as f64 * (i as f64 + 0.5) / n).cos()
    };
    let weights: Vec<f64> = (0..count).flat_map(|k| (0..bands).map(move |i| weight(k, i))).collect();
    Ok(log_mel.times(&weights))
}

/// The change of features over time at each frame: the slope of a line fitted to the `width` frames around it (near the ends, to
/// the first or last `width` frames), as librosa's `delta`. Deltas of deltas are accelerations.
///
/// # Errors
/// [`Error::Audio`] if `width` is even, below 3, or above the number of frames.
pub fn delta(features: &Spectrogram, width: usize) -> Result<Spectrogram> {
    let [bins, frames] = features.shape();
    if width < 3 || width.is_multiple_of(2) || width > frames {
        return Err(Error::Audio(format!(
            "deltas over {width} of {frames} frames; choose an odd width from 3 to the number of frames"
        )));
    }
    let half = width / 2;
    let squares: f64 = (1..=half).map(|i| 2.0 * (i * i) as f64).sum();
    let slope = |row: &[f32], t: usize| {
        let middle = t.clamp(half, frames - 1 - half);
        let rise = |i: usize| i as f64 * (f64::from(row[middle + i]) - f64::from(row[middle - i]));
        ((1..=half).map(rise).sum::<f64>() / squares) as f32
    };
    let rows = features.values().chunks_exact(frames);
    Spectrogram::new(rows.flat_map(|row| (0..frames).map(move |t| slope(row, t))).collect(), [bins, frames])
}
