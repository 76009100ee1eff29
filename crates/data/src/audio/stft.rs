//! The short-time Fourier transform and its inverse.

use realfft::RealFftPlanner;
use realfft::num_complex::Complex;

use crate::error::{Error, Result};

/// Values by bin and frame, `[bins, frames]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrogram {
    values: Vec<f32>,
    shape: [usize; 2],
}

impl Spectrogram {
    /// `values` in row-major order.
    ///
    /// # Errors
    /// [`Error::Audio`] if the number of values is not `bins * frames`.
    pub fn new(values: Vec<f32>, shape: [usize; 2]) -> Result<Spectrogram> {
        if shape[0].checked_mul(shape[1]) != Some(values.len()) {
            return Err(Error::Audio(format!(
                "{} values for a spectrogram {shape:?} [bins, frames]",
                values.len()
            )));
        }
        Ok(Spectrogram { values, shape })
    }

    /// Row-major: the first bin at all times, then the second.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Row-major.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// `[bins, frames]`
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// A spectrogram of other bins, each made from this one's: `out[i, t] = sum_j weights[i, j] self[j, t]`.
    pub(super) fn times(&self, weights: &[f64]) -> Spectrogram {
        let [bins, frames] = self.shape;
        let rows = weights.len() / bins.max(1);
        let mut out = Vec::with_capacity(rows * frames);
        let mut sums = vec![0.0; frames];
        for weights in weights.chunks_exact(bins.max(1)) {
            sums.fill(0.0);
            for (weight, row) in weights.iter().zip(self.values.chunks_exact(frames.max(1))) {
                if *weight != 0.0 {
                    sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += weight * f64::from(x));
                }
            }
            out.extend(sums.iter().map(|&sum| sum as f32));
        }
        Spectrogram { values: out, shape: [rows, frames] }
    }
}

/// Complex amplitudes: for each frame, one for each of the frequencies `0, rate / n_fft, .. rate / 2`.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrum {
    /// `[frames][n_fft / 2 + 1]`
    pub frames: Vec<Vec<Complex<f64>>>,
}

/// How a signal is cut into frames: librosa's `stft` with a periodic Hann window, frames centred on every `hop`-th sample, and zeros
/// outside of the signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stft {
    /// Samples a transform, even.
    pub n_fft: usize,
    /// Samples from frame to frame.
    pub hop: usize,
    /// Samples of the window, at most `n_fft`; padded with zeros on both sides.
    pub window: usize,
}

impl Stft {
    /// A window of `n_fft` samples, and a hop of a quarter of it.
    pub fn new(n_fft: usize) -> Stft {
        Stft { n_fft, hop: n_fft / 4, window: n_fft }
    }

    /// Frames of complex amplitudes: `1 + len / hop` of them.
    ///
    /// # Errors
    /// [`Error::Audio`] if `n_fft` is odd, 0 or above 2^20, `hop` is 0, or the window is 0 or longer than `n_fft`.
    pub fn transform(&self, signal: &[f32]) -> Result<Spectrum> {
        let window = self.hann()?;
        let plan = RealFftPlanner::<f64>::new().plan_fft_forward(self.n_fft);
        let (mut input, half) = (plan.make_input_vec(), self.n_fft / 2);
        let mut frames = Vec::new();
        for middle in (0..=signal.len()).step_by(self.hop) {
            for (i, (x, w)) in input.iter_mut().zip(&window).enumerate() {
                let sample = (middle + i).checked_sub(half).and_then(|at| signal.get(at));
                *x = sample.map_or(0.0, |&s| w * f64::from(s));
            }
            let mut frame = plan.make_output_vec();
            plan.process(&mut input, &mut frame).map_err(|e| Error::Audio(e.to_string()))?;
            frames.push(frame);
        }
        Ok(Spectrum { frames })
    }

    /// The power spectrogram `|X|^2`, `[n_fft / 2 + 1, frames]`.
    ///
    /// # Errors
    /// As [`transform`](Stft::transform).
    pub fn power(&self, signal: &[f32]) -> Result<Spectrogram> {
        let Spectrum { frames } = self.transform(signal)?;
        let bins = self.n_fft / 2 + 1;
        let row = |bin: usize| frames.iter().map(move |frame| frame[bin].norm_sqr() as f32);
        Spectrogram::new((0..bins).flat_map(row).collect(), [bins, frames.len()])
    }

    /// The signal of `length` samples that has these frames, with the least squared error: librosa's `istft`.
    ///
    /// # Errors
    /// As [`transform`](Stft::transform), and if a frame does not have `n_fft / 2 + 1` amplitudes.
    pub fn inverse(&self, spectrum: &Spectrum, length: usize) -> Result<Vec<f32>> {
        let window = self.hann()?;
        let plan = RealFftPlanner::<f64>::new().plan_fft_inverse(self.n_fft);
        let (mut output, half) = (plan.make_output_vec(), self.n_fft / 2);
        let (mut sums, mut weights) = (vec![0.0; length], vec![0.0; length]);
        for (t, frame) in spectrum.frames.iter().enumerate() {
            let mut frame = frame.clone();
            // The first and the last bin (0 Hz and Nyquist) of a real signal are real.
            if let [first, .., last] = &mut frame[..] {
                (first.im, last.im) = (0.0, 0.0);
            }
            plan.process(&mut frame, &mut output).map_err(|e| Error::Audio(e.to_string()))?;
            for (i, (x, w)) in output.iter().zip(&window).enumerate() {
                let at = (t * self.hop + i).wrapping_sub(half);
                if at < length {
                    sums[at] += w * x / self.n_fft as f64;
                    weights[at] += w * w;
                }
            }
        }
        let sample =
            |(sum, weight): (&f64, &f64)| if *weight > f64::MIN_POSITIVE { sum / weight } else { *sum };
        Ok(sums.iter().zip(&weights).map(|pair| sample(pair) as f32).collect())
    }

    /// The window, centred in `n_fft` samples.
    fn hann(&self) -> Result<Vec<f64>> {
        let Stft { n_fft, hop, window } = *self;
        if n_fft == 0
            || !n_fft.is_multiple_of(2)
            || n_fft > 1 << 20
            || hop == 0
            || !(1..=n_fft).contains(&window)
        {
            return Err(Error::Audio(format!(
                "{self:?}; choose an even n_fft up to 2^20, a hop above 0, and a window of 1 to n_fft samples"
            )));
        }
        let mut padded = vec![0.0; n_fft];
        for (i, w) in padded[(n_fft - window) / 2..][..window].iter_mut().enumerate() {
            *w = 0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / window as f64).cos();
        }
        Ok(padded)
    }
}
