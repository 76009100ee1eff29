//! Variational autoencoders: a tighter bound on the likelihood, and free bits.

use autograd::Tensor;

/// The importance-weighted bound on log-likelihoods (Burda, Grosse and Salakhutdinov 2016): `log(mean over k of w_k)` from log-weights `log
/// p(x, z_k) - log q(z_k | x)`, `[.., K]` to `[..]`. `K` 1 is the evidence lower bound; more samples make it tighter.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::unsupervised::importance_weighted_bound;
/// let weights = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 3.0], &[2])?;
/// assert!((importance_weighted_bound(&weights.log()).item()? - 2f32.ln()).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the log-weights are a scalar.
#[track_caller]
pub fn importance_weighted_bound(log_weights: &Tensor) -> Tensor {
    log_weights.logsumexp(&[-1], false) - (log_weights.size(-1) as f32).ln()
}

/// The code's divergence with `floor` nats free per dimension (Kingma et al. 2016, "Improved variational inference with inverse
/// autoregressive flow"): the divergences `[N, latent]` averaged over samples, each raised to at least the floor, and summed. A dimension
/// below the floor has no gradient, so it is not pulled towards the prior.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::unsupervised::free_bits;
/// let kl = Tensor::from_slice(&Device::named("cpu")?, &[0.1f32, 1.0, 0.1, 3.0], &[2, 2])?;
/// assert_eq!(free_bits(&kl, 0.5).item()?, 2.5);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the divergences are not a matrix.
#[track_caller]
pub fn free_bits(kl: &Tensor, floor: f32) -> Tensor {
    assert_eq!(kl.rank(), 2, "free_bits: divergences {:?}", kl.shape());
    kl.mean(&[0], false).clamp_min(floor).sum_all()
}
