//! Losses of the generator and the discriminator of an adversarial network.

use autograd::{Tensor, grad};

/// A pair of losses on discriminator scores: logits of being real, of any shape.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::GanLoss;
/// let device = Device::named("cpu")?;
/// // A discriminator that gives every example probability 1/2.
/// let scores = Tensor::zeros(&device, &[4]);
/// let game = GanLoss::NonSaturating;
/// assert!((game.discriminator(&scores, &scores).item()? - 4f32.ln()).abs() < 1e-6);
/// assert!((game.generator(&scores).item()? - 2f32.ln()).abs() < 1e-6);
/// assert_eq!(GanLoss::Hinge.discriminator(&scores, &scores).item()?, 2.0);
/// assert_eq!(GanLoss::Wasserstein.generator(&(scores + 3.0)).item()?, -3.0);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GanLoss {
    /// `-log D(x) - log(1 - D(G(z)))` for the discriminator, and `log(1 - D(G(z)))` for the generator (Goodfellow et al. 2014, equation 1).
    MiniMax,
    /// The same, but the generator minimises `-log D(G(z))`, whose gradient does not vanish when the discriminator rejects its samples
    /// (Goodfellow et al. 2014, section 3).
    NonSaturating,
    /// `((D(x) - 1)^2 + D(G(z))^2) / 2`, and `(D(G(z)) - 1)^2 / 2` (Mao et al. 2017, equation 9).
    LeastSquares,
    /// `max(0, 1 - D(x)) + max(0, 1 + D(G(z)))`, and `-D(G(z))` (Lim and Ye 2017, Miyato et al. 2018, equations 16 and 17).
    Hinge,
    /// `D(G(z)) - D(x)`, and `-D(G(z))`, for a critic whose gradients are kept bounded (Arjovsky et al. 2017).
    Wasserstein,
}

impl GanLoss {
    /// The discriminator's loss, a scalar, from its scores of real and generated examples.
    #[track_caller]
    pub fn discriminator(self, real: &Tensor, fake: &Tensor) -> Tensor {
        let sum = |of_real: Tensor, of_fake: Tensor| of_real.mean_all() + of_fake.mean_all();
        match self {
            // 1 - sigmoid(s) = sigmoid(-s)
            GanLoss::MiniMax | GanLoss::NonSaturating => -sum(real.logsigmoid(), (-fake).logsigmoid()),
            GanLoss::LeastSquares => sum((real - 1.0).square(), fake.square()) * 0.5,
            GanLoss::Hinge => sum((1.0 - real).relu(), (fake + 1.0).relu()),
            GanLoss::Wasserstein => autograd::wasserstein_critic_loss(real, fake),
        }
    }

    /// The generator's loss, a scalar, from the discriminator's scores of generated examples.
    #[track_caller]
    pub fn generator(self, fake: &Tensor) -> Tensor {
        match self {
            GanLoss::MiniMax => (-fake).logsigmoid().mean_all(),
            GanLoss::NonSaturating => -fake.logsigmoid().mean_all(),
            GanLoss::LeastSquares => (fake - 1.0).square().mean_all() * 0.5,
            GanLoss::Hinge | GanLoss::Wasserstein => -fake.mean_all(),
        }
    }
}

/// Half the mean squared norm of the discriminator's gradient at real examples `[N, ..]` (R1, Mescheder et al. 2018), to be multiplied by
/// the paper's gamma. Its own gradient, of second order, flows into the discriminator's parameters.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::r1_penalty;
/// let device = Device::named("cpu")?;
/// let weight = Tensor::from_slice(&device, &[3.0f32, 4.0], &[1, 2])?;
/// let x = Tensor::ones(&device, &[5, 2]);
/// assert_eq!(r1_penalty(|x| x.linear(&weight, None), &x).item()?, 12.5);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the scores do not depend on the examples.
#[track_caller]
pub fn r1_penalty(discriminator: impl FnOnce(&Tensor) -> Tensor, real: &Tensor) -> Tensor {
    let real = real.detach().variable();
    let slopes = grad(&discriminator(&real).sum_all(), &[&real]).remove(0);
    let slopes = slopes.expect("r1_penalty: the scores do not depend on the examples");
    slopes.flatten(1, -1).square().sum(&[1], false).mean_all() * 0.5
}

/// The generator's loss by feature matching (Salimans et al. 2016, section 3.1): the squared distance between the mean features, `[N, ..]`, of
/// real and generated examples in a layer of the discriminator. Gradients flow into the generated ones only.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::generative::feature_matching_loss;
/// let device = Device::named("cpu")?;
/// let real = Tensor::from_slice(&device, &[0.0f32, 2.0, 4.0, 6.0], &[2, 2])?;
/// let fake = Tensor::from_slice(&device, &[1.0f32, 4.0], &[1, 2])?;
/// assert_eq!(feature_matching_loss(&real, &fake).item()?, 1.0); // means (2, 4) and (1, 4)
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the features differ in shape.
#[track_caller]
pub fn feature_matching_loss(real: &Tensor, fake: &Tensor) -> Tensor {
    (real.detach().mean(&[0], false) - fake.mean(&[0], false)).square().sum_all()
}

#[cfg(test)]
mod tests {
    use autograd::{Device, Tensor};

    use super::GanLoss;

    /// At the optimal discriminator for a generator, logit(x) = log p(x) - log q(x), minus the loss is twice the Jensen-Shannon divergence
    /// less log 4 (Goodfellow et al. 2014, theorem 1).
    #[test]
    fn jensen_shannon() -> autograd::Result<()> {
        let device = Device::named("cpu")?;
        let (p, q) = ([0.5f32, 0.25, 0.25], [0.25f32, 0.25, 0.5]);
        // Four examples, in proportion to the two distributions.
        let logit = |x: usize| (p[x] / q[x]).ln();
        let real = [0, 0, 1, 2].map(logit);
        let fake = [0, 1, 2, 2].map(logit);
        let [real, fake] = [real, fake].map(|s| Tensor::constant(&device, &s, &[4]));
        let kl = |p: [f32; 3]| -> f32 { (0..3).map(|x| p[x] * (p[x] / (0.5 * (p[x] + q[x]))).ln()).sum() };
        let other: f32 = (0..3).map(|x| q[x] * (q[x] / (0.5 * (p[x] + q[x]))).ln()).sum();
        let twice_js = kl(p) + other;
        let loss = GanLoss::NonSaturating.discriminator(&real, &fake).item()?;
        assert!((-loss - (twice_js - 4f32.ln())).abs() < 1e-5);
        let [saturating, not] =
            [GanLoss::MiniMax, GanLoss::NonSaturating].map(|game| game.generator(&fake).item());
        assert!(saturating? < 0.0 && not? > 0.0);
        Ok(())
    }
}
