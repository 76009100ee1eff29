//! Attributions from the gradient of a score.

use autograd::{Tensor, grad};

/// The gradient of each image's score with respect to its pixels, `[N, C, H, W]` (Simonyan, Vedaldi and Zisserman 2014); 0 for images that
/// the score does not depend on.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::attribution::input_gradient;
/// let device = Device::named("cpu")?;
/// let x = Tensor::constant(&device, &[1.0f32, 2.0], &[1, 1, 1, 2]);
/// let gradient = input_gradient(&x, |x| x.square().sum(&[1, 2, 3], false));
/// assert_eq!(gradient.to_vec::<f32>()?, [2.0, 4.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub fn input_gradient(images: &Tensor, score: impl Fn(&Tensor) -> Tensor) -> Tensor {
    let images = images.detach().variable();
    let gradient = grad(&score(&images).sum_all(), &[&images]).remove(0);
    gradient.unwrap_or_else(|| images.zeros_like())
}

/// Integrated gradients (Sundararajan, Taly and Yan 2017), `[N, C, H, W]`: the difference from a `baseline` times the mean gradient on the
/// straight line from the baseline, by the midpoint rule with `steps` points. Up to the error of that rule, an image's attributions sum to
/// the difference between its score and that of the baseline ("completeness").
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::attribution::integrated_gradients;
/// let device = Device::named("cpu")?;
/// let x = Tensor::constant(&device, &[1.0f32, 2.0], &[1, 1, 1, 2]);
/// // Both factors of a product get half, though the gradient is larger for the smaller factor.
/// let score = |x: &Tensor| x.select(3, 0) * x.select(3, 1);
/// let parts = integrated_gradients(&x, &x.zeros_like(), 4, |x| score(x).sum(&[1, 2], false));
/// assert_eq!(parts.to_vec::<f32>()?, [1.0, 1.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When there are no steps, or the baseline does not broadcast to the images.
#[track_caller]
pub fn integrated_gradients(
    images: &Tensor,
    baseline: &Tensor,
    steps: usize,
    score: impl Fn(&Tensor) -> Tensor,
) -> Tensor {
    assert!(steps > 0, "integrated_gradients: no steps");
    let (images, baseline) = (images.detach(), baseline.detach());
    let way = images - &baseline;
    let at = |step: usize| input_gradient(&(&way * ((step as f32 + 0.5) / steps as f32) + &baseline), &score);
    let sum = (1..steps).fold(at(0), |sum, step| sum + at(step));
    sum * way / steps as f32
}
