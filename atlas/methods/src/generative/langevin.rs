//! Langevin dynamics: sampling by noisy gradient steps on the log-density.

use autograd::{Generator, Result, Tensor};

/// `count` steps `x += step score(x) + sqrt(2 step) noise` from `x`, where `score` is the gradient of the log-density, such as minus that
/// of an energy. Many small steps sample from the density (unadjusted Langevin algorithm, Roberts and Tweedie 1996).
///
/// ```
/// use autograd::{Device, Generator, Tensor};
/// use methods::generative::langevin;
/// let x = Tensor::zeros(&Device::named("cpu")?, &[20_000]);
/// // The score of a normal distribution of mean 3.
/// let x = langevin(|x| 3.0 - x, x, 0.05, 150, &Generator::new(1))?;
/// assert!((x.mean_all().item()? - 3.0).abs() < 0.05);
/// // The finite step size adds to the variance: 1 / (1 - step / 2).
/// assert!((x.var(&[0], 1.0, false).item()? - 1.0256).abs() < 0.05);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Errors
/// Whatever goes wrong on the device.
pub fn langevin(
    score: impl Fn(&Tensor) -> Tensor,
    mut x: Tensor,
    step: f32,
    count: usize,
    generator: &Generator,
) -> Result<Tensor> {
    for _ in 0..count {
        let noise = generator.normal(x.device(), x.shape());
        // Tensors: constants would make new plans for each length.
        let [along, noisy] = [step, (2.0 * step).sqrt()].map(|factor| Tensor::scalar(x.device(), factor));
        x = (&x + score(&x) * along + noise * noisy).detach();
        autograd::evaluate(&[&x])?;
    }
    Ok(x)
}

/// Annealed Langevin dynamics over the noise levels `sigmas`, largest first: `count` steps of length `step (sigma / least)^2 / 2` per
/// level, with `least` the last level and `score(x, sigma)` the score of the data with noise of deviation `sigma` (Song and Ermon 2019,
/// algorithm 1).
///
/// # Errors
/// Whatever goes wrong on the device.
///
/// # Panics
/// Without levels.
#[track_caller]
pub fn annealed_langevin(
    score: impl Fn(&Tensor, f32) -> Tensor,
    x: Tensor,
    sigmas: &[f32],
    step: f32,
    count: usize,
    generator: &Generator,
) -> Result<Tensor> {
    let least = *sigmas.last().expect("annealed_langevin: no levels of noise");
    sigmas.iter().try_fold(x, |x, &sigma| {
        let length = 0.5 * step * (sigma / least).powi(2);
        langevin(|x| score(x, sigma), x, length, count, generator)
    })
}
