//! Operations of a strength, which RandAugment, TrivialAugment and AugMix draw from.

use super::{Affine, Op};
use crate::draws::Draws;

/// A kind of operation. Its strength is a share of the largest that a policy allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
}

use Kind::*;

/// The operations of RandAugment and TrivialAugment, in torchvision's order.
pub(super) const ALL: [Kind; 14] = [
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
];

/// The largest strengths of a policy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strengths {
    /// Slope of a shear.
    pub shear: f32,
    /// Pixels along x and y.
    pub translate: [f32; 2],
    /// Degrees.
    pub rotate: f32,
    /// Distance of an enhancement's factor from 1.
    pub enhance: f32,
    /// The bits that posterising keeps at strength 0, and how many fewer it keeps at full strength.
    pub bits: [f32; 2],
}

impl Kind {
    /// The operation at `share`, 0 to 1, of the largest strength, with a random sign if it is signed.
    pub fn op(self, share: f32, most: &Strengths, draws: &mut Draws) -> Op {
        let side = if draws.happens(0.5) { -1.0 } else { 1.0 };
        let signed = |most: f32| side * share * most;
        let affine = |change: Affine| Op::Affine(change);
        let still = Affine::default();
        // As in the AutoAugment authors' code, shears keep the upper left corner in place.
        let corner = Affine { center: Some([0.0; 2]), ..still };
        let degrees = |slope: f32| slope.atan().to_degrees();
        match self {
            Identity => Op::Identity,
            ShearX => affine(Affine { shear: [degrees(signed(most.shear)), 0.0], ..corner }),
            ShearY => affine(Affine { shear: [0.0, degrees(signed(most.shear))], ..corner }),
            TranslateX => affine(Affine { translate: [signed(most.translate[0]).trunc(), 0.0], ..still }),
            TranslateY => affine(Affine { translate: [0.0, signed(most.translate[1]).trunc()], ..still }),
            Rotate => affine(Affine { angle: signed(most.rotate), ..still }),
            Brightness => Op::Brightness(1.0 + signed(most.enhance)),
            Color => Op::Saturation(1.0 + signed(most.enhance)),
            Contrast => Op::Contrast(1.0 + signed(most.enhance)),
            Sharpness => Op::Sharpness(1.0 + signed(most.enhance)),
            Posterize => Op::Posterize((most.bits[0] - (share * most.bits[1]).round()) as u8),
            Solarize => Op::Solarize((255.0 * (1.0 - share)).ceil() as u16),
            AutoContrast => Op::AutoContrast,
            Equalize => Op::Equalize,
        }
    }
}
