//! Time stretching at the same pitch, and pitch shifting at the same speed.

use std::f64::consts::{PI, TAU};

use realfft::num_complex::Complex;

use super::{Spectrum, Stft, resample};
use crate::error::{Error, Result};

/// The allowed rates of stretching.
const RATES: std::ops::RangeInclusive<f64> = 0.01..=100.0;

/// Plays the signal `rate` times as fast at the same pitch, `len / rate` samples: a phase vocoder (Flanagan and Golden 1966), as
/// librosa's `time_stretch`.
///
/// # Errors
/// [`Error::Audio`] if the rate is not from 0.01 to 100, and as [`Stft::transform`].
pub fn time_stretch(signal: &[f32], rate: f64, stft: &Stft) -> Result<Vec<f32>> {
    if !RATES.contains(&rate) {
        return Err(Error::Audio(format!("stretching by {rate}; choose a rate from 0.01 to 100")));
    }
    let length = (signal.len() as f64 / rate).round_ties_even() as usize;
    stft.inverse(&vocoder(&stft.transform(signal)?, rate, stft), length)
}

/// Moves the pitch by `steps` semitones, twelve an octave: the signal is stretched and then resampled by a ratio of whole numbers up
/// to 1000.
///
/// # Errors
/// As [`time_stretch`], for a rate of `2^(-steps / 12)`.
pub fn pitch_shift(signal: &[f32], steps: f64, stft: &Stft) -> Result<Vec<f32>> {
    let rate = (-steps / 12.0).exp2();
    let stretched = time_stretch(signal, rate, stft)?;
    let (to, from) = ratio(rate, 1000);
    let mut shifted = resample(&stretched, from, to)?;
    shifted.resize(signal.len(), 0.0);
    Ok(shifted)
}

/// Frames at `rate` times the pace: magnitudes are interpolated between neighbouring frames, and phases advance as they do between these.
fn vocoder(spectrum: &Spectrum, rate: f64, stft: &Stft) -> Spectrum {
    let frames = &spectrum.frames;
    let silence = vec![Complex::default(); stft.n_fft / 2 + 1];
    let frame = |t: usize| frames.get(t).unwrap_or(&silence);
    let mut phases: Vec<f64> = frame(0).iter().map(|x| x.arg()).collect();
    let stretched = (0..(frames.len() as f64 / rate).ceil() as usize).map(|t| {
        let place = t as f64 * rate;
        let (now, next) = (frame(place as usize), frame(place as usize + 1));
        let share = place.fract();
        let amplitudes =
            now.iter().zip(next).zip(&mut phases).enumerate().map(|(bin, ((now, next), phase))| {
                let amplitude = Complex::from_polar((1.0 - share) * now.norm() + share * next.norm(), *phase);
                let expected = TAU * (bin * stft.hop) as f64 / stft.n_fft as f64;
                let off = next.arg() - now.arg() - expected;
                *phase += expected + off - TAU * (off / TAU).round_ties_even();
                *phase %= 2.0 * PI;
                amplitude
            });
        amplitudes.collect()
    });
    Spectrum { frames: stretched.collect() }
}

/// The fraction nearest to `x`, above 0, among those whose denominator is at most `most`, by continued fractions.
fn ratio(x: f64, most: u32) -> (u32, u32) {
    let ([mut p0, mut q0], [mut p1, mut q1]) = ([0.0, 1.0], [1.0, 0.0]);
    let mut rest = x;
    loop {
        let whole = rest.floor();
        let (p, q) = (whole * p1 + p0, whole * q1 + q0);
        if q > f64::from(most) {
            // The last fraction between the two that is allowed may be nearer.
            let steps = ((f64::from(most) - q0) / q1).floor();
            let (p, q) = (p0 + steps * p1, q0 + steps * q1);
            let nearer = (p / q - x).abs() < (p1 / q1 - x).abs();
            return if nearer { (p as u32, q as u32) } else { (p1 as u32, q1 as u32) };
        }
        ([p0, q0], [p1, q1]) = ([p1, q1], [p, q]);
        if rest == whole {
            return (p1 as u32, q1 as u32);
        }
        rest = 1.0 / (rest - whole);
    }
}
