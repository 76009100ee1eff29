//! A part of an image at the image's size.

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
        for _ in 0..10 {
            let area = (rows * columns) as f32 * draws.between(self.scale[0], self.scale[1]);
            let ratio = draws.between(self.ratio[0].ln(), self.ratio[1].ln()).exp();
            let (height, width) =
                ((area / ratio).sqrt().round() as usize, (area * ratio).sqrt().round() as usize);
            if (1..=rows).contains(&height) && (1..=columns).contains(&width) {
                let top = draws.below((rows - height + 1) as u32) as usize;
                let left = draws.below((columns - width + 1) as u32) as usize;
                return image.apply(&Op::ResizedCrop { top, left, height, width });
            }
        }
        let ratio = (columns as f32 / rows as f32).clamp(self.ratio[0], self.ratio[1]);
        let height = ((columns as f32 / ratio).round() as usize).clamp(1, rows);
        let width = ((rows as f32 * ratio).round() as usize).clamp(1, columns);
        let (top, left) = ((rows - height) / 2, (columns - width) / 2);
        image.apply(&Op::ResizedCrop { top, left, height, width });
    }

    pub(super) fn problem(&self) -> Option<String> {
        let ordered = |[low, high]: [f32; 2]| low > 0.0 && low <= high && high.is_finite();
        (!ordered(self.scale) || !ordered(self.ratio))
            .then(|| format!("{self:?} needs scales and ratios above 0, the smaller first"))
    }
}

pub(super) fn resized_crop(image: &mut Image, [top, left]: [usize; 2], [height, width]: [usize; 2]) {
    let [_, rows, columns] = image.shape();
    let (across, down) = (weights(width, columns), weights(height, rows));
    let mut wide = vec![0; height * columns];
    for plane in image.planes_mut() {
        for (y, out) in wide.chunks_exact_mut(columns).enumerate() {
            let row = &plane[(top + y) * columns + left..][..width];
            out.iter_mut().zip(&across).for_each(|(out, tap)| *out = tap.sum(|i| row[i]));
        }
        for (out, tap) in plane.chunks_exact_mut(columns).zip(&down) {
            (0..columns).for_each(|x| out[x] = tap.sum(|i| wide[i * columns + x]));
        }
    }
}

/// The source pixels of one result pixel, from `start` on, with weights in units of 2^-22.
struct Tap {
    start: usize,
    weights: Vec<i32>,
}

const PRECISION: u32 = 22;

impl Tap {
    fn sum(&self, pixel: impl Fn(usize) -> u8) -> u8 {
        let half = 1i64 << (PRECISION - 1);
        let terms = self.weights.iter().enumerate();
        let sum: i64 = terms.map(|(i, &w)| i64::from(pixel(self.start + i)) * i64::from(w)).sum();
        ((sum + half) >> PRECISION).clamp(0, 255) as u8
    }
}

/// Weights of a triangle filter that resizes `from` pixels to `to`, as Pillow's: shrinking averages over all pixels.
fn weights(from: usize, to: usize) -> Vec<Tap> {
    let scale = from as f64 / to as f64;
    let support = scale.max(1.0);
    let tap = |i: usize| {
        let center = (i as f64 + 0.5) * scale;
        let start = (center - support + 0.5).max(0.0) as usize;
        let end = ((center + support + 0.5) as usize).min(from);
        let weight = |j: usize| (1.0 - ((j as f64 - center + 0.5) / support).abs()).max(0.0);
        let sum: f64 = (start..end).map(weight).sum();
        let fixed = |j| (weight(j) / sum * f64::from(1 << PRECISION) + 0.5) as i32;
        Tap { start, weights: (start..end).map(fixed).collect() }
    };
    (0..to).map(tap).collect()
}
