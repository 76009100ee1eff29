//! Attributions from the last feature maps.

use autograd::{Tensor, grad};

/// Grad-CAM (Selvaraju et al. 2017), `[N, h, w]`: the sum of the feature maps `[N, C, h, w]`, each weighted by the mean gradient of the
/// `scores [N]` with respect to it, with negative values set to 0. With global average pooling before a linear layer this is the class
/// activation map of that layer (Zhou et al. 2016), up to a factor of `h * w`.
///
/// The scores must be computed from the maps in one graph that leads back to a [`variable`](Tensor::variable) and is not evaluated yet.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::attribution::grad_cam;
/// let device = Device::named("cpu")?;
/// let maps = Tensor::constant(&device, &[1.0f32, 2.0, 3.0, 0.0], &[1, 2, 1, 2]).variable();
/// let score = maps.mean(&[2, 3], false).linear(&Tensor::constant(&device, &[4.0f32, -2.0], &[1, 2]), None);
/// // 4 times the first map minus 2 times the second, divided by 2 positions.
/// assert_eq!(grad_cam(&maps, &score.select(1, 0)).to_vec::<f32>()?, [0.0, 4.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the scores do not depend on the maps.
#[track_caller]
pub fn grad_cam(maps: &Tensor, scores: &Tensor) -> Tensor {
    let gradient = grad(&scores.sum_all(), &[maps]).remove(0);
    let gradient = gradient.expect("grad_cam: the scores do not depend on the maps");
    (gradient.mean(&[2, 3], true) * maps).sum(&[1], false).relu()
}
