//! Random parts of images, enlarged.

use autograd::{DType, Generator, Tensor};

use super::extents;
use crate::augment::RandomResizedCrop;

/// How many parts are drawn for an image before the largest central one is taken.
const TRIES: usize = 10;

/// A random part of each image, enlarged to the image's size by bilinear interpolation: the first of ten random parts that fits in the image,
/// else the largest central one of an allowed ratio, as [`RandomResizedCrop`] on the host.
///
/// # Panics
/// If the images are not f32 `[N, C, H, W]`, or scales or ratios are not above 0, the smaller first.
///
/// ```
/// # use autograd::{Device, Generator, Tensor};
/// # use data::RandomResizedCrop;
/// // A ramp from left to right: its parts rise less.
/// let ramp = Tensor::arange(&Device::named("cpu")?, 8).to(autograd::DType::F32).expand(&[50, 3, 8, 8]);
/// let crop = RandomResizedCrop { scale: [0.25, 0.5], ratio: [1.0, 1.0] };
/// let parts = data::on_device::random_resized_crop(&ramp, &crop, &Generator::new(0));
/// let rise = (parts.narrow(3, 7, 1) - parts.narrow(3, 0, 1)).to_vec::<f32>()?;
/// // Parts are 4 to 6 pixels wide.
/// assert!(rise.iter().all(|rise| [3.0, 4.0, 5.0].iter().any(|whole| (rise - whole).abs() < 1e-5)));
/// # Ok::<(), autograd::Error>(())
/// ```
#[track_caller]
pub fn random_resized_crop(images: &Tensor, crop: &RandomResizedCrop, generator: &Generator) -> Tensor {
    let [n, _, h, w] = extents("random_resized_crop", images);
    if let Some(problem) = crop.problem() {
        panic!("random_resized_crop: {problem}");
    }
    let draw = |[low, high]: [f32; 2]| generator.uniform(images.device(), &[n, TRIES]) * (high - low) + low;
    let area = draw(crop.scale) * (h * w) as f32;
    let ratio = draw(crop.ratio.map(f32::ln)).exp();
    let (heights, widths) = ((&area / &ratio).sqrt().round(), (area * ratio).sqrt().round());
    let fit = |sizes: &Tensor, extent: usize| sizes.ge(1.0).logical_and(sizes.le(extent as f32));
    let fits = fit(&heights, h).logical_and(fit(&widths, w));
    let (first, found) = (fits.to(DType::F32).argmax(1, true), fits.any(&[1], true));
    let [height, width] = crop.largest([h, w]);
    let weights = |extent: usize, sizes: &Tensor, largest: usize| {
        let size = sizes.gather(1, &first).masked_fill(&found.logical_not(), largest as f32);
        let rest = extent as f32 - &size;
        let anywhere = (generator.uniform(images.device(), &[n, 1]) * (&rest + 1.0)).floor();
        let start = anywhere.where_(&found, &(rest * 0.5).floor());
        enlarging(extent, &start, &size)
    };
    let down = weights(h, &heights, height);
    let across = weights(w, &widths, width);
    down.matmul(images).matmul(&across.transpose(2, 3))
}

/// The weights `[N, 1, extent, extent]` of the pixels of a line (last dimension) in the pixels of its enlarged part, which has `size` pixels
/// from `start`, whole numbers `[N, 1]`.
fn enlarging(extent: usize, start: &Tensor, size: &Tensor) -> Tensor {
    let pixels = Tensor::arange(start.device(), extent).to(DType::F32);
    let place = (&pixels + 0.5) * size / extent as f32 - 0.5;
    let place = place.clamp_min(0.0).minimum(&(size - 1.0)) + start;
    (1.0 - (place.reshape(&[start.size(0), 1, extent, 1]) - pixels).abs()).relu()
}
