//! Learning the score, the gradient of the log-density, which needs no normalising constant, or the energy.

use autograd::Tensor;

use super::divergence;

/// `mean(tr(ds/dx) + |s|^2 / 2)` of a model's scores at examples `x [N, D]`: up to a constant, half the mean squared distance from the true
/// scores (Hyvärinen 2005, equation 4). It takes one backward pass per dimension.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::score_matching_loss;
/// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 0.0, 0.0, -1.0], &[2, 2])?;
/// // The standard normal distribution's scores are -x.
/// assert_eq!(score_matching_loss(|x| -x, &x).item()?, -1.5);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the scores do not have the shape of `x`, or do not depend on it.
#[track_caller]
pub fn score_matching_loss(score: impl FnOnce(&Tensor) -> Tensor, x: &Tensor) -> Tensor {
    let x = x.detach().variable();
    let scores = score(&x);
    (divergence(&scores, &x) + scores.square().sum(&[1], false) * 0.5).mean_all()
}

/// `mean |sigma s(x + sigma z, sigma) + z|^2 / 2` at examples `x [N, D]` with standard normal noise `z` and deviations `sigma [N, 1]`: up
/// to a constant, half the mean squared distance from the scores of the noisy data, weighted by `sigma^2` (Vincent 2011; Song and Ermon
/// 2019, equations 5 and 6).
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::denoising_score_matching_loss;
/// let device = Device::named("cpu")?;
/// let [x, z] = [[1.0f32, 2.0], [0.5, -1.0]].map(|v| Tensor::constant(&device, &v, &[1, 2]));
/// let sigma = Tensor::full(&device, 0.5, &[1, 1]);
/// // The exact score of the noisy distribution of one example.
/// let score = |noisy: &Tensor, sigma: &Tensor| (&x - noisy) / sigma.square();
/// assert!(denoising_score_matching_loss(score, &x, &sigma, &z).item()?.abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the shapes do not fit.
#[track_caller]
pub fn denoising_score_matching_loss(
    score: impl FnOnce(&Tensor, &Tensor) -> Tensor,
    x: &Tensor,
    sigma: &Tensor,
    z: &Tensor,
) -> Tensor {
    let fits = x.rank() == 2 && x.shape() == z.shape() && *sigma.shape() == [x.shape()[0], 1];
    let shapes = (x.shape(), sigma.shape(), z.shape());
    assert!(fits, "denoising_score_matching_loss: examples, deviations and noise {shapes:?}");
    let scores = score(&(x + z * sigma), sigma);
    (scores * sigma + z).square().sum(&[1], false).mean_all() * 0.5
}

/// `mean E(x) - mean E(x')` for energies `[N]` of examples and of samples from the model, whose gradient is that of the mean negative
/// log-likelihood (Hinton 2002; LeCun et al. 2006), plus `decay` times the mean squares of both, which keep the energies near 0 (Du and
/// Mordatch 2019).
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::contrastive_divergence_loss;
/// let device = Device::named("cpu")?;
/// let [real, fake] = [[1.0f32, 2.0], [3.0, 5.0]].map(|v| Tensor::constant(&device, &v, &[2]));
/// assert_eq!(contrastive_divergence_loss(&real, &fake, 0.0).item()?, -2.5);
/// assert_eq!(contrastive_divergence_loss(&real, &fake, 1.0).item()?, 17.0);
/// # Ok::<(), autograd::Error>(())
/// ```
#[track_caller]
pub fn contrastive_divergence_loss(real: &Tensor, fake: &Tensor, decay: f32) -> Tensor {
    let size = real.square().mean_all() + fake.square().mean_all();
    real.mean_all() - fake.mean_all() + size * decay
}

#[cfg(test)]
mod tests {
    use autograd::{Device, Generator, Tensor, grad};

    use super::{denoising_score_matching_loss, score_matching_loss};

    /// For a linear score -x / v of normal examples of variance 2, Hyvärinen's loss per dimension is -1/v + 2 / (2 v^2), with its minimum
    /// at v = 2. For the same examples with noise of variance 1, the denoising loss has its minimum at v = 3.
    #[test]
    fn least_at_the_true_variance() -> autograd::Result<()> {
        let device = Device::named("cpu")?;
        let draw = Generator::new(4);
        let shape = [200_000, 1];
        let x = draw.normal(&device, &shape) * 2f32.sqrt();
        let (z, sigma) = (draw.normal(&device, &shape), Tensor::ones(&device, &shape));
        for (v, hyvarinen) in [(2.0f32, true), (3.0, false)] {
            let precision = Tensor::scalar(&device, 1.0 / v).variable();
            let loss = if hyvarinen {
                score_matching_loss(|x| -x * &precision, &x)
            } else {
                denoising_score_matching_loss(|x, _| -x * &precision, &x, &sigma, &z)
            };
            let slope = grad(&loss, &[&precision]).remove(0).expect("depends on it").item()?;
            assert!(slope.abs() < 0.03, "variance {v}: slope {slope}");
        }
        Ok(())
    }
}
