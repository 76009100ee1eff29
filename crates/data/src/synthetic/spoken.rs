//! Sounds that stand for spoken digits: two tones that glide, as the formants of vowels do.

use crate::draws::Draws;

/// Frequencies in Hz where the two tones of each digit begin and end.
const GLIDES: [[[f64; 2]; 2]; 10] = [
    [[400.0, 600.0], [1900.0, 1200.0]],
    [[700.0, 500.0], [1100.0, 2200.0]],
    [[350.0, 350.0], [900.0, 900.0]],
    [[500.0, 300.0], [1500.0, 2500.0]],
    [[650.0, 650.0], [1000.0, 1000.0]],
    [[800.0, 400.0], [1300.0, 2100.0]],
    [[450.0, 450.0], [2000.0, 2000.0]],
    [[600.0, 600.0], [1800.0, 1400.0]],
    [[550.0, 350.0], [2300.0, 2300.0]],
    [[750.0, 750.0], [1200.0, 1700.0]],
];

/// A signal in -1..1 of some digits, `rate` samples a second: each takes 90 to 160 ms between silences of 20 to 70 ms, at a pitch
/// within 4 % and a loudness of its own, all in white noise of deviation `noise`.
///
/// ```
/// use data::{Draws, synthetic::spoken};
/// let signal = spoken(&[3, 1, 4], 8000, 0.02, &mut Draws::new(42, 0, 0));
/// assert!((3 * 880..=3 * 1840 + 560).contains(&signal.len()));
/// assert!(signal.iter().all(|x| x.abs() <= 1.0) && signal.iter().any(|x| x.abs() > 0.3));
/// ```
///
/// # Panics
/// If a digit is not below 10.
pub fn spoken(digits: &[u8], rate: u32, noise: f64, draws: &mut Draws) -> Vec<f32> {
    let rate = f64::from(rate);
    let mut signal: Vec<f64> = vec![];
    for &digit in digits {
        let mut within = |low, high| f64::from(draws.between(low, high));
        let silence = (within(0.02, 0.07) * rate) as usize;
        signal.resize(signal.len() + silence, 0.0);
        let count = (within(0.09, 0.16) * rate) as usize;
        let (pitch, loudness) = (within(0.96, 1.04), within(0.25, 0.4));
        let mut phases = [0.0; 2];
        for i in 0..count {
            let along = i as f64 / count as f64;
            // The digit swells over its first fifth and fades over its last.
            let swell = (5.0 * along).min(5.0 * (1.0 - along)).min(1.0);
            let mut sample = 0.0;
            for (phase, [from, to]) in phases.iter_mut().zip(GLIDES[usize::from(digit)]) {
                *phase += std::f64::consts::TAU * pitch * (from + (to - from) * along) / rate;
                sample += phase.sin();
            }
            signal.push(loudness * swell * sample);
        }
    }
    let silence = (f64::from(draws.between(0.02, 0.07)) * rate) as usize;
    signal.resize(signal.len() + silence, 0.0);
    signal.iter().map(|x| (x + noise * draws.normal()).clamp(-1.0, 1.0) as f32).collect()
}
