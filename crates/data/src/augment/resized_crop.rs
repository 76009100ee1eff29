//! A part of an image at the image's size.

use super::resize::{Interleaved, Taps, resize};
use super::{Image, Op};
use crate::draws::Draws;

/// A random part of the image, enlarged to its size, as torchvision's `RandomResizedCrop` (Szegedy et al. 2015): the first of ten
/// random parts that fits in the image, else the largest central one of an allowed ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RandomResizedCrop {
    /// The smallest and the largest share of the image's area.
    pub scale: [f32; 2],
    /// The smallest and the largest ratio of width to height.
    pub ratio: [f32; 2],
}

impl Default for RandomResizedCrop {
    /// torchvision's: 8 % to all of the image, at ratios from 3/4 to 4/3.
    fn default() -> RandomResizedCrop {
        RandomResizedCrop { scale: [0.08, 1.0], ratio: [3.0 / 4.0, 4.0 / 3.0] }
    }
}

impl RandomResizedCrop {
    pub(super) fn apply(&self, image: &mut Image, draws: &mut Draws) {
        let [_, rows, columns] = image.shape();
        let [top, left, height, width] = self.part([rows, columns], draws);
        image.apply(&Op::ResizedCrop { top, left, height, width });
    }

    /// A random part of an image of `rows` and `columns`: its first row and column, height and width.
    pub(crate) fn part(&self, [rows, columns]: [usize; 2], draws: &mut Draws) -> [usize; 4] {
        for _ in 0..10 {
            let area = (rows * columns) as f32 * draws.between(self.scale[0], self.scale[1]);
            let ratio = draws.between(self.ratio[0].ln(), self.ratio[1].ln()).exp();
            let (height, width) =
                ((area / ratio).sqrt().round() as usize, (area * ratio).sqrt().round() as usize);
            if (1..=rows).contains(&height) && (1..=columns).contains(&width) {
                let top = draws.below((rows - height + 1) as u32) as usize;
                let left = draws.below((columns - width + 1) as u32) as usize;
                return [top, left, height, width];
            }
        }
        let [height, width] = self.largest([rows, columns]);
        [(rows - height) / 2, (columns - width) / 2, height, width]
    }

    /// Height and width of the largest part of an allowed ratio.
    pub(crate) fn largest(&self, [rows, columns]: [usize; 2]) -> [usize; 2] {
        let ratio = (columns as f32 / rows as f32).clamp(self.ratio[0], self.ratio[1]);
        let height = ((columns as f32 / ratio).round() as usize).clamp(1, rows);
        let width = ((rows as f32 * ratio).round() as usize).clamp(1, columns);
        [height, width]
    }

    pub(crate) fn problem(&self) -> Option<String> {
        let ordered = |[low, high]: [f32; 2]| low > 0.0 && low <= high && high.is_finite();
        (!ordered(self.scale) || !ordered(self.ratio))
            .then(|| format!("{self:?} needs scales and ratios above 0, the smaller first"))
    }
}

pub(super) fn resized_crop(image: &mut Image, [top, left]: [usize; 2], [height, width]: [usize; 2]) {
    let [_, rows, columns] = image.shape();
    let (down, across) = (Taps::new(height, rows, 0..rows), Taps::new(width, columns, 0..columns));
    let mut resized = vec![0; rows * columns];
    for plane in image.planes_mut() {
        let source = Interleaved::<1> { pixels: plane, stride: columns };
        resize(source, [top, left], [&down, &across], &mut resized);
        plane.copy_from_slice(&resized);
    }
}
