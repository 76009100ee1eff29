//! Gaussian blur, of images and of fields of numbers.

use super::Image;
use crate::draws::Draws;

/// Blurs with a Gaussian whose standard deviation, in pixels, is uniform in `sigma`, as torchvision's `GaussianBlur`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GaussianBlur {
    /// The smallest and the largest standard deviation.
    pub sigma: [f32; 2],
}

impl GaussianBlur {
    pub(super) fn apply(&self, image: &mut Image, draws: &mut Draws) {
        blur(image, draws.between(self.sigma[0], self.sigma[1]));
    }
}

pub(super) fn blur(image: &mut Image, sigma: f32) {
    let [_, height, width] = image.shape();
    let mut field = Vec::with_capacity(height * width);
    for plane in image.planes_mut() {
        field.clear();
        field.extend(plane.iter().map(|&p| f32::from(p)));
        smooth(&mut field, [height, width], sigma);
        plane.iter_mut().zip(&field).for_each(|(p, &value)| *p = value.round() as u8);
    }
}

/// Convolves a field `[height, width]` with a Gaussian, cut at 4 standard deviations, as SciPy's `gaussian_filter` with
/// `mode="mirror"`.
pub(super) fn smooth(field: &mut [f32], [height, width]: [usize; 2], sigma: f32) {
    let kernel = kernel(sigma);
    let turned = along_columns(field, [height, width], &kernel);
    field.copy_from_slice(&along_columns(&turned, [width, height], &kernel));
}

/// The convolution along the columns of a field `[height, width]`, transposed: `[width, height]`.
fn along_columns(field: &[f32], [height, width]: [usize; 2], kernel: &[f32]) -> Vec<f32> {
    let row = |y: isize| &field[mirrored(y, height) * width..][..width];
    let (mut out, mut sums) = (vec![0.0; field.len()], vec![0.0; width]);
    for y in 0..height {
        let middle = row(y as isize);
        sums.iter_mut().zip(middle).for_each(|(sum, value)| *sum = kernel[0] * value);
        for (i, weight) in kernel.iter().enumerate().skip(1) {
            let (above, below) = (row(y as isize - i as isize), row(y as isize + i as isize));
            for ((sum, a), b) in sums.iter_mut().zip(above).zip(below) {
                *sum += weight * (a + b);
            }
        }
        sums.iter().enumerate().for_each(|(x, &sum)| out[x * height + y] = sum);
    }
    out
}

/// A place, mirrored at the first and the last of `count` places until it is one of them.
fn mirrored(place: isize, count: usize) -> usize {
    let last = count as isize - 1;
    let place = place.rem_euclid((2 * last).max(1));
    place.min(2 * last - place).max(0) as usize
}

/// The weights of a Gaussian at distances 0, 1, ..; over both sides they sum to 1.
fn kernel(sigma: f32) -> Vec<f32> {
    let sigma = f64::from(sigma);
    if sigma.is_nan() || sigma <= 0.0 {
        return vec![1.0];
    }
    // A wider kernel is flat over any image that fits in memory.
    let radius = (4.0 * sigma + 0.5).min(65536.0) as usize;
    let weights: Vec<f64> = (0..=radius).map(|i| (-0.5 * (i as f64 / sigma).powi(2)).exp()).collect();
    let sum = 2.0 * weights.iter().sum::<f64>() - 1.0;
    weights.iter().map(|weight| (weight / sum) as f32).collect()
}
