//! Sounds: WAV files, resampling, spectra, mel features, and their augmentation. Definitions are librosa's and SciPy's.
//!
//! Signals are slices of samples of one channel, in -1..1. Spectrograms are `[bins, frames]`, as a convolution takes them.
//!
//! ```
//! # fn main() -> data::Result<()> {
//! use data::Draws;
//! use data::audio::{Mel, SpecAugment, Stft, mfcc, power_to_db, resample};
//!
//! let tone: Vec<f32> = (0..8000).map(|i| (i as f32 * 0.2).sin()).collect();
//! let tone = resample(&tone, 8000, 16_000)?;
//! let stft = Stft::new(512);
//! let mel = Mel { bands: 40, ..Mel::new(16_000) };
//! let mut log_mel = power_to_db(&mel.apply(&stft.power(&tone)?)?);
//! assert_eq!(log_mel.shape(), [40, 126]);
//! assert_eq!(mfcc(&log_mel, 13)?.shape(), [13, 126]);
//! SpecAugment::default().apply(&mut log_mel, &mut Draws::new(42, 0, 7));
//! # Ok(())
//! # }
//! ```

mod features;
mod mel;
mod mu_law;
mod noise;
mod resample;
mod spec_augment;
mod stft;
mod stretch;
mod wav;

pub use features::{delta, mfcc, power_to_db};
pub use mel::{Mel, MelScale};
pub use mu_law::{mu_law_decode, mu_law_encode};
pub use noise::{add_noise, add_white_noise};
pub use resample::resample;
pub use spec_augment::SpecAugment;
pub use stft::{Spectrogram, Spectrum, Stft};
pub use stretch::{pitch_shift, time_stretch};
pub use wav::Wave;
