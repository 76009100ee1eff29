//! Made-up words, spoken by a formant synthesiser, for the studies of speech.

use atlas::prelude::*;
use wgrad::data::audio::{Mel, Spectrogram, Stft, power_to_db};
use wgrad::data::synthetic::{Utterance, Voice, formants};

pub(super) const RATE: u32 = 8000;
/// Samples between frames: 10 ms.
pub(super) const HOP: usize = 80;
pub(super) const BANDS: usize = 20;

/// A spoken word.
pub(super) struct Spoken {
    pub(super) word: String,
    pub(super) utterance: Utterance,
    pub(super) log_mel: Spectrogram,
}

/// Syllables of a consonant and a vowel.
pub(super) fn word(draws: &mut Draws, syllables: u32) -> String {
    let mut pick = |letters: &str| letters.as_bytes()[draws.below(letters.len() as u32) as usize] as char;
    (0..syllables).flat_map(|_| [pick("mnlrsft"), pick("aeiou")]).collect()
}

impl Spoken {
    /// A word in a voice, with a little noise.
    pub(super) fn new(word: String, voice: Voice, draws: &mut Draws) -> Result<Spoken> {
        let utterance = formants(&word, voice, RATE, 0.003, draws);
        let log_mel = log_mel(&utterance.signal, stft(), BANDS)?;
        Ok(Spoken { word, utterance, log_mel })
    }

    pub(super) fn frames(&self) -> usize {
        self.log_mel.shape()[1]
    }

    /// The first and the last frame of letter `i`.
    pub(super) fn span(&self, i: usize) -> [f64; 2] {
        let start = if i == 0 { 0 } else { self.utterance.ends[i - 1] };
        [start, self.utterance.ends[i]].map(|sample| sample as f64 / HOP as f64)
    }
}

pub(super) fn stft() -> Stft {
    Stft { n_fft: 256, hop: HOP, window: 256 }
}

/// The log-mel spectrogram `[bands, frames]` of a signal.
pub(super) fn log_mel(signal: &[f32], stft: Stft, bands: usize) -> Result<Spectrogram> {
    let mel = Mel { bands, ..Mel::new(RATE) };
    Ok(power_to_db(&mel.apply(&stft.power(signal)?)?))
}

/// The frames of spectrograms, scaled to about -1 to 1 and cut or padded to `length` frames: `[N, length, bands]`.
pub(super) fn padded<'a>(
    device: &Device,
    of: impl ExactSizeIterator<Item = &'a Spectrogram>,
    length: usize,
) -> Result<Tensor> {
    let (count, mut values, mut width) = (of.len(), vec![], 0);
    for spectrogram in of {
        let [bands, frames] = spectrogram.shape();
        width = bands;
        let at = |t: usize, band: usize| spectrogram.values()[band * frames + t] / 30.0 + 0.5;
        values.extend(
            (0..length * bands).map(|i| if i / bands < frames { at(i / bands, i % bands) } else { 0.0 }),
        );
    }
    Ok(Tensor::from_slice(device, &values, &[count, length, width])?)
}
