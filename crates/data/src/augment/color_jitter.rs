//! Random brightness, contrast, saturation and hue.

use super::{Image, Op};
use crate::draws::Draws;

/// Changes brightness, contrast, saturation and hue in random order, as torchvision's `ColorJitter`: factors are uniform in
/// `max(0, 1 - x)..1 + x`, the hue is turned by up to `hue` of the colour circle either way.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ColorJitter {
    /// `x` of the factor of all pixels; 0 keeps the brightness.
    pub brightness: f32,
    /// `x` of the factor of differences from the mean grey; 0 keeps the contrast.
    pub contrast: f32,
    /// `x` of the factor of differences from a pixel's grey; 0 keeps the saturation.
    pub saturation: f32,
    /// At most 0.5, half of the circle.
    pub hue: f32,
}

impl ColorJitter {
    pub(super) fn apply(&self, image: &mut Image, draws: &mut Draws) {
        let mut factor = |x: f32| draws.between((1.0 - x).max(0.0), 1.0 + x);
        let mut ops = [
            (self.brightness, Op::Brightness(factor(self.brightness))),
            (self.contrast, Op::Contrast(factor(self.contrast))),
            (self.saturation, Op::Saturation(factor(self.saturation))),
            (self.hue, Op::Hue(draws.between(-self.hue, self.hue))),
        ];
        draws.shuffle(&mut ops);
        ops.iter().filter(|(strength, _)| *strength > 0.0).for_each(|(_, op)| image.apply(op));
    }

    pub(super) fn problem(&self) -> Option<String> {
        let strengths = [self.brightness, self.contrast, self.saturation, self.hue];
        (strengths.iter().any(|x| !(0.0..f32::INFINITY).contains(x)) || self.hue > 0.5)
            .then(|| format!("{self:?} needs strengths of at least 0, and a hue of at most 0.5"))
    }
}
