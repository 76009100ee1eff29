//! Random rotation, scaling, shear and translation.

use super::{Affine, Image, Op};
use crate::draws::Draws;

/// Random rotation, translation, scaling and shear about the image's middle, as torchvision's `RandomAffine` with bilinear
/// sampling. Each parameter is uniform; the default changes nothing.
///
/// ```
/// use data::RandomAffine;
/// let rotate = RandomAffine { degrees: 15.0, ..RandomAffine::default() };
/// assert_eq!(rotate.scale, [1.0, 1.0]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RandomAffine {
    /// The largest rotation, in degrees either way.
    pub degrees: f32,
    /// The largest translations either way, as shares of width and height, in whole pixels.
    pub translate: [f32; 2],
    /// The smallest and the largest scale.
    pub scale: [f32; 2],
    /// The largest shears along x and y, in degrees either way.
    pub shear: [f32; 2],
}

impl Default for RandomAffine {
    fn default() -> RandomAffine {
        RandomAffine { degrees: 0.0, translate: [0.0; 2], scale: [1.0; 2], shear: [0.0; 2] }
    }
}

impl RandomAffine {
    pub(super) fn apply(&self, image: &mut Image, draws: &mut Draws) {
        let [_, height, width] = image.shape();
        let mut around = |most: f32| draws.between(-most, most);
        let angle = around(self.degrees);
        let translate = [
            around(self.translate[0] * width as f32).round(),
            around(self.translate[1] * height as f32).round(),
        ];
        let shear = self.shear.map(around);
        let scale = draws.between(self.scale[0], self.scale[1]);
        image.apply(&Op::Affine(Affine { angle, translate, scale, shear, center: None }));
    }

    pub(super) fn problem(&self) -> Option<String> {
        let ranges = [self.degrees, self.translate[0], self.translate[1], self.shear[0], self.shear[1]];
        let [low, high] = self.scale;
        (ranges.iter().any(|most| !(0.0..f32::INFINITY).contains(most))
            || !(low > 0.0 && low <= high && high.is_finite())
            || self.shear.iter().any(|&degrees| degrees >= 90.0))
        .then(|| {
            format!(
                "{self:?} needs ranges of at least 0, scales above 0 in order, and shears below 90 degrees"
            )
        })
    }
}
