//! SpecAugment.

use super::Spectrogram;
use crate::draws::Draws;

/// Masks bands of frequencies and stretches of time in a spectrogram (Park et al. 2019, "SpecAugment", without its time warping): each
/// mask's width is uniform in `0..=most`, and its place uniform among those where it fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpecAugment {
    /// Number of masks over bins, and the most bins that each takes.
    pub frequency: (usize, usize),
    /// Number of masks over frames, and the most frames that each takes.
    pub time: (usize, usize),
    /// The most that a mask of time takes, as a share of all frames.
    pub time_share: f32,
    /// What masked values become; the spectrogram's mean if not given.
    pub fill: Option<f32>,
}

impl Default for SpecAugment {
    /// The paper's policy LD: two masks of up to 27 bins and two of up to 100 frames. Masked values become the mean.
    fn default() -> SpecAugment {
        SpecAugment { frequency: (2, 27), time: (2, 100), time_share: 1.0, fill: None }
    }
}

impl SpecAugment {
    /// Masks parts of `features` `[bins, frames]`.
    pub fn apply(&self, features: &mut Spectrogram, draws: &mut Draws) {
        let [bins, frames] = features.shape();
        let values = features.values();
        let mean = || values.iter().map(|&x| f64::from(x)).sum::<f64>() / values.len().max(1) as f64;
        let fill = self.fill.unwrap_or_else(|| mean() as f32);
        let longest = (self.time_share.clamp(0.0, 1.0) * frames as f32) as usize;
        for _ in 0..self.frequency.0 {
            let mask = place(bins, self.frequency.1, draws);
            features.values_mut()[mask.start * frames..mask.end * frames].fill(fill);
        }
        for _ in 0..self.time.0 {
            let mask = place(frames, self.time.1.min(longest), draws);
            let rows = features.values_mut().chunks_exact_mut(frames.max(1));
            rows.for_each(|row| row[mask.clone()].fill(fill));
        }
    }
}

/// A random range of at most `most` of `extent` places.
fn place(extent: usize, most: usize, draws: &mut Draws) -> std::ops::Range<usize> {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).saturating_add(1);
    let width = draws.below(count(most.min(extent))) as usize;
    let start = draws.below(count(extent - width)) as usize;
    start..start + width
}
