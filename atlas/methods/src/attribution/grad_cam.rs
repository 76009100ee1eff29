//! Attributions by the last feature maps.

use autograd::{Tensor, grad};

/// Grad-CAM (Selvaraju et al. 2017): the feature maps `[N, C, h, w]` that the scores `[N]` were computed from, added up
/// with the mean gradients of the scores in them as weights, and what is negative left out: `[N, h, w]`. With global
/// average pooling before a linear layer this is that layer's class activation map (Zhou et al. 2016), up to a factor of
/// `h * w`.
///
/// Maps and scores have to be of one graph that leads back to a [`variable`](Tensor::variable), and not evaluated before.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::attribution::grad_cam;
/// let device = Device::named("cpu")?;
/// let maps = Tensor::constant(&device, &[1.0f32, 2.0, 3.0, 0.0], &[1, 2, 1, 2]).variable();
/// let score = maps.mean(&[2, 3], false).linear(&Tensor::constant(&device, &[4.0f32, -2.0], &[1, 2]), None);
/// // 4 times the first map less 2 times the second, by 2 positions.
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
