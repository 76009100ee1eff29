//! Contrastive learning of pictures and their captions.

use autograd::Tensor;

/// The loss of CLIP (Radford et al. 2021, figure 3): the mean of the cross-entropies of each picture finding its caption among all captions of
/// the batch and of each caption finding its picture, by the cosines of `pictures` and `captions [N, D]` times `exp(log_scale)`, a learnt
/// scalar that starts at `log(1 / 0.07)`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::representation::clip_loss;
/// let device = Device::named("cpu")?;
/// let codes = Tensor::from_slice(&device, &[3.0f32, 0.0, 0.0, 1.0], &[2, 2])?;
/// let loss = clip_loss(&codes, &codes, &Tensor::scalar(&device, 2f32.ln())).item()?;
/// assert!((loss - (-2f32).exp().ln_1p()).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the shapes do not fit.
#[track_caller]
pub fn clip_loss(pictures: &Tensor, captions: &Tensor, log_scale: &Tensor) -> Tensor {
    let [a, b] = [pictures, captions].map(|codes| codes.normalize(2.0, 1, 1e-8));
    let scores = a.matmul(&b.t()) * log_scale.exp();
    let own = Tensor::arange(scores.device(), scores.size(0));
    (scores.cross_entropy(&own) + scores.t().cross_entropy(&own)) * 0.5
}
