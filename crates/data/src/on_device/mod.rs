//! Augmentation of batches on the device: part of the training step's graph, fused with it, and replayed without a new plan.
//!
//! Random numbers come from a [`Generator`], drawn anew for every image (of a mix, for every batch). Images are f32
//! `[N, C, H, W]`; functions on colours take pixels in 0..1, as loaders give with mean 0 and deviation 1:
//!
//! ```
//! # fn main() -> Result<(), autograd::Error> {
//! use autograd::{Device, Generator, Tensor};
//! use data::{ColorJitter, Normalize, on_device};
//!
//! let device = Device::named("cpu")?;
//! let generator = Generator::new(42);
//! let images = generator.uniform(&device, &[8, 3, 32, 32]);
//! let labels = Tensor::arange(&device, 8);
//!
//! let images = on_device::random_flip(&images, 0.5, &generator);
//! let images = on_device::random_crop(&images, 4, &generator);
//! let jitter = ColorJitter { brightness: 0.4, ..ColorJitter::default() };
//! let images = on_device::color_jitter(&images, &jitter, &generator);
//! let images = on_device::normalize(&images, &Normalize { mean: vec![0.5; 3], std: vec![0.25; 3] });
//! let mixup = on_device::Mixup::draw(&device, 0.2, &generator);
//! let (images, targets) = (mixup.mix(&images), mixup.targets(&labels, 10));
//! assert_eq!((images.shape(), targets.shape()), (&[8, 3, 32, 32][..], &[8, 10][..]));
//! assert!((targets.sum_all().item()? - 8.0).abs() < 1e-4);
//! # Ok(())
//! # }
//! ```

mod color;
mod erase;
mod mix;
mod noise;
mod place;
mod resized_crop;

pub use color::{
    adjust_brightness, adjust_contrast, adjust_hue, adjust_saturation, color_jitter, grayscale, normalize,
    random_grayscale,
};
pub use erase::{RandomErasing, cutout};
pub use mix::{CutMix, Mixup};
pub use noise::{gaussian_noise, salt_and_pepper};
pub use place::{random_crop, random_flip};
pub use resized_crop::random_resized_crop;

use autograd::{DType, Generator, Tensor};

/// The extents of a batch of images.
#[track_caller]
fn extents(op: &str, images: &Tensor) -> [usize; 4] {
    match *images.shape() {
        [n, c, h, w] if images.dtype() == DType::F32 => [n, c, h, w],
        _ => panic!("{op}: images [N, C, H, W] of type f32, not {:?} of {}", images.shape(), images.dtype()),
    }
}

/// True with probability `p` for each image: bool `[N, 1, 1, 1]`.
#[track_caller]
fn chance(op: &str, images: &Tensor, p: f32, generator: &Generator) -> Tensor {
    let [n, ..] = extents(op, images);
    assert!((0.0..=1.0).contains(&p), "{op}: probability {p}");
    generator.bernoulli(images.device(), p, &[n, 1, 1, 1]).ne(0.0)
}

/// Whether pixels lie in rows `top..bottom` and columns `left..right`, whole numbers that broadcast to `[N, 1, 1, 1]`: bool
/// `[N, 1, H, W]`.
#[track_caller]
fn within([h, w]: [usize; 2], [top, bottom]: [&Tensor; 2], [left, right]: [&Tensor; 2]) -> Tensor {
    let y = Tensor::arange(top.device(), h).to(DType::F32).reshape(&[1, 1, h, 1]);
    let x = Tensor::arange(top.device(), w).to(DType::F32).reshape(&[1, 1, 1, w]);
    let rows = y.ge(top).logical_and(y.lt(bottom));
    rows.logical_and(x.ge(left)).logical_and(x.lt(right))
}

/// A whole number (as f32) below `n`, for each element of `shape`.
#[track_caller]
fn below(n: usize, like: &Tensor, shape: &[usize], generator: &Generator) -> Tensor {
    (generator.uniform(like.device(), shape) * n as f32).floor()
}
