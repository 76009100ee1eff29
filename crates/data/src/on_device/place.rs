//! Mirroring and moving of images.

use autograd::{DType, Generator, Tensor};

use super::{below, chance, extents};

/// Mirrors each image `[C, H, W]` left to right with probability `p`.
///
/// # Panics
/// If the images are not f32 `[N, C, H, W]`, or `p` is not in `0..=1`.
///
/// ```
/// # use autograd::{Device, Generator, Tensor};
/// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 2.0, 3.0], &[1, 1, 1, 3])?;
/// let flipped = data::on_device::random_flip(&x, 1.0, &Generator::new(0));
/// assert_eq!(flipped.to_vec::<f32>()?, [3.0, 2.0, 1.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[track_caller]
pub fn random_flip(images: &Tensor, p: f32, generator: &Generator) -> Tensor {
    let hit = chance("random_flip", images, p, generator);
    images.flip(&[-1]).where_(&hit, images)
}

/// Moves each image by up to `pad` pixels along each direction, and fills with 0: a crop of the image's size out of the padded image.
///
/// # Panics
/// If the images are not f32 `[N, C, H, W]`, or have 2^31 elements or more.
///
/// ```
/// # use autograd::{Device, Generator, Tensor};
/// let x = Tensor::ones(&Device::named("cpu")?, &[100, 1, 3, 3]);
/// let shown = data::on_device::random_crop(&x, 1, &Generator::new(0)).sum(&[1, 2, 3], false).to_vec::<f32>()?;
/// assert!(shown.iter().all(|shown| [4.0, 6.0, 9.0].contains(shown)));
/// # Ok::<(), autograd::Error>(())
/// ```
#[track_caller]
pub fn random_crop(images: &Tensor, pad: usize, generator: &Generator) -> Tensor {
    let [n, c, h, w] = extents("random_crop", images);
    assert!(i32::try_from(images.numel()).is_ok(), "random_crop: images {:?} are too many", images.shape());
    let device = images.device();
    let mut places = [(h, [1, 1, h, 1]), (w, [1, 1, 1, w])].map(|(extent, shape)| {
        let offset = below(2 * pad + 1, images, &[n, 1, 1, 1], generator) - pad as f32;
        (extent, Tensor::arange(device, extent).reshape(&shape) + offset.to(DType::I32))
    });
    let mut inside = Tensor::constant(device, &[1u32], &[]).to(DType::Bool);
    for (extent, place) in &mut places {
        inside = inside.logical_and(place.ge(0)).logical_and(place.lt(*extent as i32));
        *place = place.clamp(0, extent.saturating_sub(1) as i32);
    }
    let [(_, y), (_, x)] = places;
    let plane = Tensor::arange(device, n * c).reshape(&[n, c, 1, 1]) * (h * w) as i32;
    let from = plane + y * w as i32 + x;
    let moved = images.reshape(&[images.numel()]).index_select(0, &from.reshape(&[images.numel()]));
    let moved = moved.reshape(images.shape());
    moved.where_(&inside, &moved.zeros_like())
}
