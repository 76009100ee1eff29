//! Sampling from gamma distributions, which other distributions are built on.

use crate::{Generator, Tensor};

/// Candidates per sample. Each is accepted with a probability of at least 0.95. The last one is always accepted, but needed for less
/// than one in 10^9 samples.
const ROUNDS: usize = 8;

impl Generator {
    /// Logarithms of samples of gamma distributions of rate 1 and `concentration [batch..] > 0`, shape `[shape.., batch..]` (Marsaglia
    /// and Tsang 2000, "A simple method for generating gamma variables"). Logarithms, because samples of small concentrations
    /// underflow. They have no gradients.
    ///
    /// ```
    /// # use autograd::{Device, Generator, Tensor};
    /// let device = Device::named("cpu")?;
    /// let samples = Generator::new(1).log_standard_gamma(&Tensor::scalar(&device, 3.0), &[4000]).exp();
    /// assert!((samples.mean_all().item()? - 3.0).abs() < 0.1);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn log_standard_gamma(&self, concentration: &Tensor, shape: &[usize]) -> Tensor {
        let (device, concentration) = (concentration.device(), concentration.detach());
        let whole = [shape, concentration.shape()].concat();
        let rounds = [&[ROUNDS], &whole[..]].concat();
        // The method is for concentrations of at least 1: sample at `concentration + 1`, and multiply by a power of a uniform number.
        let d = &concentration + (1.0 - 1.0 / 3.0);
        let x = self.normal(device, &rounds);
        let chance = 1.0 - self.uniform(device, &rounds);
        let root = &x / (&d * 9.0).sqrt() + 1.0;
        let v = root.square() * &root;
        let log_v = v.clamp_min(f32::MIN_POSITIVE).log();
        let accepted = chance.log().lt(x.square() * 0.5 + (&log_v - v + 1.0) * &d).logical_and(root.gt(0.0));
        let first = (0..ROUNDS - 1).rev().fold(log_v.select(0, ROUNDS - 1), |later, round| {
            log_v.select(0, round).where_(&accepted.select(0, round), &later)
        });
        let power = (1.0 - self.uniform(device, &whole)).log() / concentration;
        first + d.log() + power
    }
}
