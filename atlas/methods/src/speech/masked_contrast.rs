//! The contrastive loss of masked frames.

use autograd::Tensor;

/// The contrastive loss of wav2vec 2.0 (Baevski et al. 2020, equation 3) with the unquantised latents of wav2vec (Schneider et al. 2019): each
/// of the `M` masked frames of a sequence has to find its latent among those of the masked frames of the same sequence, by cosines
/// divided by `temperature`. `contexts` and `latents` are `[N, M, D]`. The second result is the share of frames that find theirs.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::speech::masked_contrastive_loss;
/// let device = Device::named("cpu")?;
/// let x = Tensor::from_slice(&device, &[2.0f32, 0.0, 0.0, 1.0], &[1, 2, 2])?;
/// let (loss, found) = masked_contrastive_loss(&x, &x, 0.5);
/// assert!((loss.item()? - (-2f32).exp().ln_1p()).abs() < 1e-6);
/// assert_eq!(found.item()?, 1.0);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the shapes do not fit.
#[track_caller]
pub fn masked_contrastive_loss(contexts: &Tensor, latents: &Tensor, temperature: f32) -> (Tensor, Tensor) {
    let [a, b] = [contexts, latents].map(|x| x.normalize(2.0, 2, 1e-8));
    let scores = (a.matmul(&b.transpose(1, 2)) / temperature).flatten(0, 1);
    let own = Tensor::arange(a.device(), a.size(1)).repeat(&[a.size(0)]);
    let found = scores.argmax(1, false).eq(&own).to(autograd::DType::F32).mean_all();
    (scores.cross_entropy(&own), found)
}
