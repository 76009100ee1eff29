//! Colours of images whose pixels are in 0..1, by the formulas of torchvision's functions on tensors.

use autograd::{Generator, Tensor, cat};

use super::{chance, extents};
use crate::augment::ColorJitter;
use crate::images::Normalize;

/// `(x - mean) / std` by channel, of images `[N, C, H, W]`.
///
/// # Panics
/// If the images are not f32 `[N, C, H, W]`, or `normalize` does not have C channels.
#[track_caller]
pub fn normalize(images: &Tensor, normalize: &Normalize) -> Tensor {
    let [_, c, ..] = extents("normalize", images);
    let channels = |values: &[f32]| {
        assert!(values.len() == c, "normalize: {} channels for images {:?}", values.len(), images.shape());
        Tensor::constant(images.device(), values, &[1, c, 1, 1])
    };
    (images - channels(&normalize.mean)) / channels(&normalize.std)
}

/// `factor * x`, in 0..1. Factors are f32 and broadcast to `[N, 1, 1, 1]`, here and below.
#[track_caller]
pub fn adjust_brightness(images: &Tensor, factor: &Tensor) -> Tensor {
    (images * factor).clamp(0.0, 1.0)
}

/// `m + factor * (x - m)`, in 0..1, with each image's mean grey `m`.
///
/// # Panics
/// If the images are not f32 `[N, 1 or 3, H, W]`, here and below.
#[track_caller]
pub fn adjust_contrast(images: &Tensor, factor: &Tensor) -> Tensor {
    let mean = luma("adjust_contrast", images).mean(&[1, 2, 3], true);
    mean.lerp(images, factor).clamp(0.0, 1.0)
}

/// `g + factor * (x - g)`, in 0..1, with each pixel's grey `g`.
#[track_caller]
pub fn adjust_saturation(images: &Tensor, factor: &Tensor) -> Tensor {
    luma("adjust_saturation", images).lerp(images, factor).clamp(0.0, 1.0)
}

/// Turns the hue by a share of the colour circle; grey images stay as they are.
///
/// ```
/// # use autograd::{Device, Tensor};
/// let device = Device::named("cpu")?;
/// let red = Tensor::from_slice(&device, &[1.0f32, 0.0, 0.0], &[1, 3, 1, 1])?;
/// let turned = data::on_device::adjust_hue(&red, &Tensor::scalar(&device, 0.5)).to_vec::<f32>()?;
/// assert_eq!(turned, [0.0, 1.0, 1.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[track_caller]
pub fn adjust_hue(images: &Tensor, turn: &Tensor) -> Tensor {
    let Some([r, g, b]) = channels("adjust_hue", images) else { return images.clone() };
    let max = r.maximum(&g).maximum(&b);
    let span = &max - r.minimum(&g).minimum(&b);
    // Grey pixels have no hue: any will do, as their span is 0.
    let divisor = span.ones_like().where_(&span.eq(0.0), &span);
    let from_blue = (&r - &g) / &divisor + 4.0;
    let from_green = ((&b - &r) / &divisor + 2.0).where_(&g.eq(&max), &from_blue);
    let sixths = ((&g - &b) / &divisor).where_(&r.eq(&max), &from_green) + turn * 6.0;
    let channel = |place: f32| {
        let k = (&sixths + place).remainder(6.0);
        &max - &span * k.minimum(4.0 - &k).clamp(0.0, 1.0)
    };
    cat(&[5.0, 3.0, 1.0].map(channel).each_ref(), 1)
}

/// Each pixel's grey, `0.2989 R + 0.587 G + 0.114 B`, in all channels.
#[track_caller]
pub fn grayscale(images: &Tensor) -> Tensor {
    luma("grayscale", images).expand(images.shape())
}

/// [`grayscale`] for each image with probability `p`.
#[track_caller]
pub fn random_grayscale(images: &Tensor, p: f32, generator: &Generator) -> Tensor {
    let hit = chance("random_grayscale", images, p, generator);
    luma("random_grayscale", images).where_(&hit, images)
}

/// Changes brightness, contrast, saturation and hue of each image, in this order, by factors that are uniform in
/// `max(0, 1 - x)..1 + x`, and a turn uniform in `-hue..hue`. A strength of 0 leaves a step out.
#[track_caller]
pub fn color_jitter(images: &Tensor, jitter: &ColorJitter, generator: &Generator) -> Tensor {
    let [n, ..] = extents("color_jitter", images);
    let draw = |low: f32, high: f32| generator.uniform(images.device(), &[n, 1, 1, 1]) * (high - low) + low;
    let factor = |x: f32| draw((1.0 - x).max(0.0), 1.0 + x);
    let mut images = images.clone();
    if jitter.brightness > 0.0 {
        images = adjust_brightness(&images, &factor(jitter.brightness));
    }
    if jitter.contrast > 0.0 {
        images = adjust_contrast(&images, &factor(jitter.contrast));
    }
    if jitter.saturation > 0.0 {
        images = adjust_saturation(&images, &factor(jitter.saturation));
    }
    if jitter.hue > 0.0 {
        images = adjust_hue(&images, &draw(-jitter.hue, jitter.hue));
    }
    images
}

/// Red, green and blue `[N, 1, H, W]`, or `None` for grey images.
#[track_caller]
fn channels(op: &str, images: &Tensor) -> Option<[Tensor; 3]> {
    match extents(op, images) {
        [_, 1, ..] => None,
        [_, 3, ..] => Some([0, 1, 2].map(|c| images.narrow(1, c, 1))),
        _ => panic!("{op}: images {:?} have neither 1 nor 3 channels", images.shape()),
    }
}

/// Each pixel's grey, `[N, 1, H, W]`.
#[track_caller]
fn luma(op: &str, images: &Tensor) -> Tensor {
    match channels(op, images) {
        None => images.clone(),
        Some([r, g, b]) => r * 0.2989 + g * 0.587 + b * 0.114,
    }
}
