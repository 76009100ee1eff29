//! Erasing of rectangles of images.

use autograd::{DType, Generator, Tensor};

use super::{below, chance, extents, within};

/// How many rectangles are drawn for an image before it is left whole.
const TRIES: usize = 10;

/// Random erasing (Zhong et al. 2020), as torchvision's `RandomErasing`: with probability `p` a rectangle of an image gets one
/// value. The first of ten random rectangles that are smaller than the image is taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RandomErasing {
    /// The probability for each image.
    pub p: f32,
    /// The smallest and the largest share of the image's area.
    pub scale: [f32; 2],
    /// The smallest and the largest ratio of height to width.
    pub ratio: [f32; 2],
    /// What the pixels become.
    pub value: f32,
}

impl Default for RandomErasing {
    /// torchvision's: half of the images lose 2 to 33 % at ratios from 0.3 to 3.3, and get 0.
    fn default() -> RandomErasing {
        RandomErasing { p: 0.5, scale: [0.02, 0.33], ratio: [0.3, 3.3], value: 0.0 }
    }
}

impl RandomErasing {
    /// Erases in images `[N, C, H, W]`.
    ///
    /// # Panics
    /// If the images are not f32 `[N, C, H, W]`, `p` is not in `0..=1`, or scales or ratios are not above 0.
    ///
    /// ```
    /// # use autograd::{Device, Generator, Tensor};
    /// # use data::on_device::RandomErasing;
    /// let x = Tensor::ones(&Device::named("cpu")?, &[50, 3, 16, 16]);
    /// let erased = RandomErasing { p: 1.0, ..RandomErasing::default() }.apply(&x, &Generator::new(0));
    /// let kept = erased.mean(&[1, 2, 3], false).to_vec::<f32>()?;
    /// assert!(kept.iter().all(|kept| (0.64..0.99).contains(kept)));
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn apply(&self, images: &Tensor, generator: &Generator) -> Tensor {
        let [n, _, h, w] = extents("random_erasing", images);
        let [scale, ratio] = [self.scale, self.ratio];
        assert!(scale[0] > 0.0 && ratio[0] > 0.0, "random_erasing: {self:?} needs scales and ratios above 0");
        let hit = chance("random_erasing", images, self.p, generator);
        let draw =
            |[low, high]: [f32; 2]| generator.uniform(images.device(), &[n, TRIES]) * (high - low) + low;
        let area = draw(scale) * (h * w) as f32;
        let ratio = draw(ratio.map(f32::ln)).exp();
        let (height, width) = ((&area * &ratio).sqrt().round(), (area / ratio).sqrt().round());
        let fits = height.lt(h as f32).logical_and(width.lt(w as f32));
        let first = fits.to(DType::F32).argmax(1, true);
        let found = fits.any(&[1], true).reshape(&[n, 1, 1, 1]);
        let taken = |extents: &Tensor| extents.gather(1, &first).reshape(&[n, 1, 1, 1]);
        let span = |extent: usize, taken: Tensor| {
            let places = extent as f32 + 1.0 - &taken;
            let start = (generator.uniform(images.device(), &[n, 1, 1, 1]) * places).floor();
            let end = &start + taken;
            [start, end]
        };
        let ([top, bottom], [left, right]) = (span(h, taken(&height)), span(w, taken(&width)));
        let inside = within([h, w], [&top, &bottom], [&left, &right]);
        images.masked_fill(&inside.logical_and(hit).logical_and(found), self.value)
    }
}

/// Cutout (DeVries and Taylor 2017): a square of `size` pixels whose middle is anywhere in the image becomes 0.
///
/// # Panics
/// If the images are not f32 `[N, C, H, W]`.
///
/// ```
/// # use autograd::{Device, Generator, Tensor};
/// let x = Tensor::ones(&Device::named("cpu")?, &[50, 1, 8, 8]);
/// let kept = data::on_device::cutout(&x, 4, &Generator::new(0)).sum(&[1, 2, 3], false).to_vec::<f32>()?;
/// assert!(kept.iter().all(|kept| (48.0..=60.0).contains(kept)));
/// # Ok::<(), autograd::Error>(())
/// ```
#[track_caller]
pub fn cutout(images: &Tensor, size: usize, generator: &Generator) -> Tensor {
    let [n, _, h, w] = extents("cutout", images);
    let [[top, bottom], [left, right]] = [h, w].map(|extent| {
        let start = below(extent, images, &[n, 1, 1, 1], generator) - (size / 2) as f32;
        let end = &start + size as f32;
        [start, end]
    });
    images.masked_fill(&within([h, w], [&top, &bottom], [&left, &right]), 0.0)
}
