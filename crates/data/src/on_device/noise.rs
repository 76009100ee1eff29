//! Noise on images.

use autograd::{Generator, Tensor};

use super::extents;

/// Adds normal noise of standard deviation `std` to every element of a tensor of any shape.
///
/// ```
/// # use autograd::{Device, Generator, Tensor};
/// let x = Tensor::full(&Device::named("cpu")?, 3.0, &[10_000]);
/// let noisy = data::on_device::gaussian_noise(&x, 0.5, &Generator::new(0));
/// assert!((noisy.std(&[0], 1.0, false).item()? - 0.5).abs() < 0.02);
/// # Ok::<(), autograd::Error>(())
/// ```
#[track_caller]
pub fn gaussian_noise(x: &Tensor, std: f32, generator: &Generator) -> Tensor {
    x + generator.normal(x.device(), x.shape()) * std
}

/// Sets pixels, all channels of them, to the value `pepper` or `salt` with probability `p / 2` each.
///
/// # Panics
/// If the images are not f32 `[N, C, H, W]`, or `p` is not in `0..=1`.
///
/// ```
/// # use autograd::{Device, Generator, Tensor};
/// let x = Tensor::full(&Device::named("cpu")?, 0.5, &[1, 3, 100, 100]);
/// let noisy = data::on_device::salt_and_pepper(&x, 0.2, [0.0, 1.0], &Generator::new(0)).to_vec::<f32>()?;
/// let count = |value| noisy.iter().filter(|&&x| x == value).count() / 3;
/// assert!((900..1100).contains(&count(0.0)) && (900..1100).contains(&count(1.0)));
/// # Ok::<(), autograd::Error>(())
/// ```
#[track_caller]
pub fn salt_and_pepper(images: &Tensor, p: f32, [pepper, salt]: [f32; 2], generator: &Generator) -> Tensor {
    let [n, _, h, w] = extents("salt_and_pepper", images);
    assert!((0.0..=1.0).contains(&p), "salt_and_pepper: probability {p}");
    let place = generator.uniform(images.device(), &[n, 1, h, w]);
    images.masked_fill(&place.lt(p), salt).masked_fill(&place.lt(0.5 * p), pepper)
}
