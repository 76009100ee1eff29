//! Changing the sample rate.

use crate::error::{Error, Result};

/// The largest term of a reduced ratio of rates. The filter has 20 times as many coefficients.
const MOST: u32 = 1 << 18;

/// Zero crossings of the filter on each side.
const CROSSINGS: usize = 10;
const KAISER: f64 = 5.0;

/// The signal at another sample rate, `ceil(len * to / from)` samples: SciPy's `resample_poly`, a zero-phase low-pass filter with
/// a Kaiser window (beta 5) and zeros outside of the signal.
///
/// # Errors
/// [`Error::Audio`] if a rate is 0, or their reduced ratio has a term above 2^18.
///
/// ```
/// let signal = [1.0; 300];
/// let twice = data::audio::resample(&signal, 8000, 16_000)?;
/// assert_eq!(twice.len(), 600);
/// assert!((twice[300] - 1.0).abs() < 0.01);
/// # Ok::<(), data::Error>(())
/// ```
pub fn resample(signal: &[f32], from: u32, to: u32) -> Result<Vec<f32>> {
    let divisor = gcd(from, to).max(1);
    let (up, down) = (to / divisor, from / divisor);
    if from == 0 || to == 0 || up.max(down) > MOST {
        return Err(Error::Audio(format!(
            "resampling from {from} to {to} Hz; choose rates above 0 whose ratio in lowest terms stays below {MOST}"
        )));
    }
    if up == down {
        return Ok(signal.to_vec());
    }
    let (up, down) = (up as usize, down as usize);
    let filter = low_pass(up.max(down), up as f64);
    let half = filter.len() / 2;
    let sample = |i: usize| {
        // The filter's middle lies at place i * down of the signal with up - 1 zeros after each sample.
        let middle = i * down;
        let first = middle.saturating_sub(half).div_ceil(up);
        let end = ((middle + half) / up + 1).min(signal.len());
        let terms = (first..end).map(|k| f64::from(signal[k]) * filter[half + middle - k * up]);
        terms.sum::<f64>() as f32
    };
    Ok((0..(signal.len() * up).div_ceil(down)).map(sample).collect())
}

/// A windowed sinc that passes frequencies below `1 / cut` of the highest; its coefficients sum to `gain`.
fn low_pass(cut: usize, gain: f64) -> Vec<f64> {
    let half = (CROSSINGS * cut) as f64;
    let value = |i: usize| {
        let place = i as f64 - half;
        let x = std::f64::consts::PI * place / cut as f64;
        let sinc = if place == 0.0 { 1.0 } else { x.sin() / x };
        sinc * bessel_i0(KAISER * (1.0 - (place / half).powi(2)).max(0.0).sqrt())
    };
    let filter: Vec<f64> = (0..2 * CROSSINGS * cut + 1).map(value).collect();
    let sum: f64 = filter.iter().sum();
    filter.iter().map(|x| x / sum * gain).collect()
}

/// The modified Bessel function of the first kind and order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..50 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
