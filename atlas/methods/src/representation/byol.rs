//! The loss of bootstrap your own latent.

use autograd::Tensor;

/// BYOL's loss (Grill et al. 2020): the mean of `2 - 2 cos` between predictions and the target network's projections of the other view,
/// `[N, D]` each. Gradients do not flow into `targets`.
///
/// ```
/// use autograd::{Device, Tensor};
/// let device = Device::named("cpu")?;
/// let of = |values: [f32; 4]| Tensor::from_slice(&device, &values, &[2, 2]);
/// let loss = methods::representation::byol_loss(&of([2.0, 0.0, 0.0, 3.0])?, &of([1.0, 0.0, 1.0, 0.0])?);
/// assert!((loss.item()? - 1.0).abs() < 1e-6); // 0 for the first, 2 for the second
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the shapes differ.
#[track_caller]
pub fn byol_loss(predictions: &Tensor, targets: &Tensor) -> Tensor {
    2.0 - predictions.cosine_similarity(&targets.detach(), 1, 1e-8).mean_all() * 2.0
}

/// The mean over components of the standard deviation of normalised vectors `[N, D]` over the batch: about `1 / sqrt(D)` for evenly spread
/// directions, and 0 after a collapse to a single one (Chen and He 2021).
///
/// # Panics
/// When the vectors are not `[N, D]`.
#[track_caller]
pub fn spread(vectors: &Tensor) -> Tensor {
    assert_eq!(vectors.rank(), 2, "spread: vectors {:?}", vectors.shape());
    vectors.normalize(2.0, 1, 1e-8).std(&[0], 0.0, false).mean_all()
}
