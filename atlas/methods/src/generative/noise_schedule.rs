//! The noise schedule of a diffusion, and its reverse steps.

use autograd::{Device, Generator, Result, Tensor};

/// The variances `beta_t` of the noise of steps `t = 0..steps`: `x_t = sqrt(abar_t) x + sqrt(1 - abar_t) noise`, where `abar_t` is the
/// product of `1 - beta` up to `t` (Ho et al. 2020; their step `t + 1`).
///
/// ```
/// use autograd::Device;
/// use methods::generative::NoiseSchedule;
/// let schedule = NoiseSchedule::linear(&Device::named("cpu")?, 1000);
/// assert!((schedule.beta(0) - 1e-4).abs() < 1e-9 && (schedule.beta(999) - 0.02).abs() < 1e-9);
/// // At the last step almost no signal is left.
/// assert!(schedule.alpha_bar(999) < 5e-5);
/// # Ok::<(), autograd::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct NoiseSchedule {
    betas: Vec<f64>,
    alpha_bars: Vec<f64>,
    /// `sqrt(abar)` and `sqrt(1 - abar)`, `[steps, 1]`.
    signal: Tensor,
    noise: Tensor,
}

impl NoiseSchedule {
    /// A schedule of the given variances.
    ///
    /// # Panics
    /// When there are none, or one is not between 0 and 1.
    #[track_caller]
    pub fn new(device: &Device, betas: Vec<f64>) -> NoiseSchedule {
        let valid = |&beta: &f64| 0.0 < beta && beta < 1.0;
        assert!(!betas.is_empty() && betas.iter().all(valid), "NoiseSchedule: variances {betas:?}");
        let product = |bar: &mut f64, beta: &f64| {
            *bar *= 1.0 - beta;
            Some(*bar)
        };
        let alpha_bars: Vec<f64> = betas.iter().scan(1.0, product).collect();
        let table = |f: fn(f64) -> f64| {
            let values: Vec<f32> = alpha_bars.iter().map(|&bar| f(bar).sqrt() as f32).collect();
            Tensor::constant(device, &values, &[values.len(), 1])
        };
        NoiseSchedule { signal: table(|bar| bar), noise: table(|bar| 1.0 - bar), betas, alpha_bars }
    }

    /// Linear from 1e-4 to 0.02 in a thousand steps (Ho et al. 2020), scaled to the same total noise for other numbers of steps.
    ///
    /// # Panics
    /// With fewer than 21 steps: the last variance would be at least 1.
    #[track_caller]
    pub fn linear(device: &Device, steps: usize) -> NoiseSchedule {
        let scale = 1000.0 / steps as f64;
        let last = steps.max(2) - 1;
        let beta = |t: usize| scale * (1e-4 + (0.02 - 1e-4) * t as f64 / last as f64);
        NoiseSchedule::new(device, (0..steps).map(beta).collect())
    }

    /// `abar_t = f(t + 1) / f(0)` with `f(t) = cos^2((t / steps + 0.008) / 1.008 * pi / 2)`, and variances of at most 0.999 (Nichol and
    /// Dhariwal 2021, equation 17). With many steps the last ones leave almost no signal: predictions of the start from there have to be
    /// clamped to the range of the data.
    ///
    /// # Panics
    /// With 0 steps.
    #[track_caller]
    pub fn cosine(device: &Device, steps: usize) -> NoiseSchedule {
        let angle = |t: usize| (t as f64 / steps as f64 + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2;
        let f = |t: usize| angle(t).cos().powi(2);
        let beta = |t: usize| (1.0 - f(t + 1) / f(t)).min(0.999);
        NoiseSchedule::new(device, (0..steps).map(beta).collect())
    }

    /// Number of steps, T.
    pub fn steps(&self) -> usize {
        self.betas.len()
    }

    /// The variance of the noise that step `t` adds.
    pub fn beta(&self, t: usize) -> f64 {
        self.betas[t]
    }

    /// The share of the signal's variance left after step `t`.
    pub fn alpha_bar(&self, t: usize) -> f64 {
        self.alpha_bars[t]
    }

    /// Examples `x [N, ..]` after steps `t [N]` (i32), with standard normal `noise` of the shape of `x`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn q_sample(&self, x: &Tensor, t: &Tensor, noise: &Tensor) -> Tensor {
        assert_eq!(x.shape(), noise.shape(), "q_sample: examples and noise");
        let column = [&[x.shape()[0]][..], &vec![1; x.rank() - 1]].concat();
        let at = |table: &Tensor| table.index_select(0, t).reshape(&column);
        x * at(&self.signal) + noise * at(&self.noise)
    }

    /// The prediction of the noise-free examples from `x` after step `t`, given the noise `eps` in `x`.
    #[track_caller]
    pub fn predict_start(&self, x: &Tensor, eps: &Tensor, t: usize) -> Tensor {
        let bar = self.alpha_bars[t];
        (x - eps * scalar(x, (1.0 - bar).sqrt())) * scalar(x, bar.sqrt().recip())
    }

    /// One DDPM step, from `x` after step `t` to `x` after step `t - 1`; at `t` 0, to the noise-free examples (Ho et al. 2020, algorithm 2,
    /// with the posterior variance). `eps` is the noise predicted by the model, `noise` is fresh.
    #[track_caller]
    pub fn ddpm_step(&self, x: &Tensor, eps: &Tensor, t: usize, noise: &Tensor) -> Tensor {
        let (beta, bar) = (self.betas[t], self.alpha_bars[t]);
        let noise_free = x - eps * scalar(x, beta / (1.0 - bar).sqrt());
        let mean = noise_free * scalar(x, (1.0 - beta).sqrt().recip());
        match t.checked_sub(1) {
            None => mean,
            Some(before) => {
                let variance = beta * (1.0 - self.alpha_bars[before]) / (1.0 - bar);
                mean + noise * scalar(x, variance.sqrt())
            }
        }
    }

    /// One DDIM step, from `x` after step `t` to `x` after an earlier step `to`, or for `None` to the noise-free examples (Song et al.
    /// 2021, "Denoising diffusion implicit models", equation 12). `eta` 0 is deterministic; `eta` 1 with consecutive steps is
    /// [`ddpm_step`](Self::ddpm_step).
    #[track_caller]
    pub fn ddim_step(
        &self,
        x: &Tensor,
        eps: &Tensor,
        t: usize,
        to: Option<usize>,
        eta: f64,
        noise: &Tensor,
    ) -> Tensor {
        let start = self.predict_start(x, eps, t);
        let Some(to) = to else { return start };
        let (bar, before) = (self.alpha_bars[t], self.alpha_bars[to]);
        let variance = eta * eta * (1.0 - before) / (1.0 - bar) * (1.0 - bar / before);
        let direction = (1.0 - before - variance).max(0.0).sqrt();
        start * scalar(x, before.sqrt()) + eps * scalar(x, direction) + noise * scalar(x, variance.sqrt())
    }

    /// Samples examples from noise `x [N, ..]` in `count` evenly spaced steps, where `eps(x, t)` is the model's prediction of the noise in
    /// `x` after step `t`. `count` equal to [`steps`](Self::steps) and `eta` 1 is the DDPM sampler; fewer steps and `eta` 0 are DDIM.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    ///
    /// # Panics
    /// When `count` is 0 or more than the number of steps.
    #[track_caller]
    pub fn sample(
        &self,
        mut x: Tensor,
        count: usize,
        eta: f64,
        generator: &Generator,
        mut eps: impl FnMut(&Tensor, usize) -> Tensor,
    ) -> Result<Tensor> {
        let steps = self.steps();
        assert!((1..=steps).contains(&count), "sample: {count} of {steps} steps");
        let time = |i: usize| (i * steps).div_ceil(count) - 1;
        for i in (1..=count).rev() {
            let t = time(i);
            let noise = generator.normal(x.device(), x.shape());
            x = self.ddim_step(&x, &eps(&x, t), t, (i > 1).then(|| time(i - 1)), eta, &noise).detach();
            autograd::evaluate(&[&x])?;
        }
        Ok(x)
    }
}

/// A factor of a step on the device of `x`: a tensor, as a constant would make a new plan, with the network's evaluation in it, for each step.
fn scalar(x: &Tensor, value: f64) -> Tensor {
    Tensor::scalar(x.device(), value as f32)
}

#[cfg(test)]
mod tests {
    use autograd::{Device, Generator, Tensor};

    use super::NoiseSchedule;

    #[test]
    fn ddim_of_eta_1_is_ddpm() -> autograd::Result<()> {
        let device = Device::named("cpu")?;
        let draw = Generator::new(3);
        let [x, eps, noise] = [(); 3].map(|()| draw.normal(&device, &[8, 2]));
        for schedule in [NoiseSchedule::linear(&device, 50), NoiseSchedule::cosine(&device, 50)] {
            for t in [0usize, 1, 20, 48] {
                let one = schedule.ddpm_step(&x, &eps, t, &noise);
                let other = schedule.ddim_step(&x, &eps, t, t.checked_sub(1), 1.0, &noise);
                let scale = one.abs().amax(&[0, 1], false).item()?;
                assert!((one - other).abs().amax(&[0, 1], false).item()? < 1e-5 * scale, "step {t}");
            }
        }
        Ok(())
    }

    /// For normal examples of deviation 0.5 the exact noise prediction is known: steps of either kind lead from noise to that deviation.
    #[test]
    fn a_normal_distribution() -> autograd::Result<()> {
        let device = Device::named("cpu")?;
        let schedule = NoiseSchedule::cosine(&device, 200);
        let known = |x: &Tensor, t: usize| {
            let bar = schedule.alpha_bar(t);
            x * ((1.0 - bar).sqrt() / (0.25 * bar + 1.0 - bar)) as f32
        };
        for (count, eta) in [(200, 1.0), (200, 0.0), (50, 0.0)] {
            let draw = Generator::new(5);
            let x = schedule.sample(draw.normal(&device, &[20_000, 1]), count, eta, &draw, known)?;
            let deviation = x.std(&[0], 1.0, false).item()?;
            assert!((deviation - 0.5).abs() < 0.02, "{count} steps, eta {eta}: {deviation}");
        }
        Ok(())
    }

    #[test]
    fn noise_in_and_out() -> autograd::Result<()> {
        let device = Device::named("cpu")?;
        let schedule = NoiseSchedule::linear(&device, 100);
        let draw = Generator::new(1);
        let [x, noise] = [(); 2].map(|()| draw.normal(&device, &[3, 1, 2]));
        let t = Tensor::constant(&device, &[7i32, 7, 7], &[3]);
        let back = schedule.predict_start(&schedule.q_sample(&x, &t, &noise), &noise, 7);
        assert!((back - x).abs().amax(&[0, 1, 2], false).item()? < 1e-5);
        Ok(())
    }
}
