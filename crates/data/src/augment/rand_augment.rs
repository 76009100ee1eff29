//! RandAugment and TrivialAugment: operations drawn from one list.

use super::Image;
use super::policy::{ALL, Strengths};
use crate::draws::Draws;

/// The number of strengths.
const BINS: u32 = 31;

/// `ops` random operations of one strength, one after another (Cubuk et al. 2020, "RandAugment"), as torchvision's with 31 bins.
/// Images are sampled bilinearly, and filled with the mean pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RandAugment {
    /// How many operations an image gets.
    pub ops: usize,
    /// How strong they are: 0 to 30.
    pub magnitude: u32,
}

impl Default for RandAugment {
    /// Two operations of strength 9.
    fn default() -> RandAugment {
        RandAugment { ops: 2, magnitude: 9 }
    }
}

impl RandAugment {
    pub(super) fn apply(&self, image: &mut Image, draws: &mut Draws) {
        let [_, height, width] = image.shape();
        let most = Strengths {
            shear: 0.3,
            translate: [width, height].map(|extent| 150.0 / 331.0 * extent as f32),
            rotate: 30.0,
            enhance: 0.9,
            bits: [8.0, 4.0],
        };
        for _ in 0..self.ops {
            let kind = ALL[draws.below(ALL.len() as u32) as usize];
            let op = kind.op(self.magnitude as f32 / (BINS - 1) as f32, &most, draws);
            image.apply(&op);
        }
    }

    pub(super) fn problem(&self) -> Option<String> {
        (self.magnitude >= BINS).then(|| format!("{self:?} needs a magnitude below {BINS}"))
    }
}

/// One random operation of a random strength (Müller and Hutter 2021, "TrivialAugment", the wide space), as torchvision's
/// `TrivialAugmentWide` with 31 bins. Images are sampled bilinearly, and filled with the mean pixel.
pub(super) fn trivial_augment(image: &mut Image, draws: &mut Draws) {
    let most =
        Strengths { shear: 0.99, translate: [32.0; 2], rotate: 135.0, enhance: 0.99, bits: [8.0, 6.0] };
    let kind = ALL[draws.below(ALL.len() as u32) as usize];
    let share = draws.below(BINS) as f32 / (BINS - 1) as f32;
    let op = kind.op(share, &most, draws);
    image.apply(&op);
}
