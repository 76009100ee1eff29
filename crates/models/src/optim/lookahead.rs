//! Lookahead.

use autograd::{Gradients, Result, Tensor};

use super::optimizer::{Optimizer, saved_state};
use super::rule::Rule;
use crate::Param;

/// Lookahead (Zhang et al. 2019, "Lookahead optimizer: k steps forward, 1 step back") around any optimizer: after every `k` steps
/// the parameters go back to `slow + alpha (p - slow)`, which is then the new `slow`.
///
/// ```
/// use autograd::Device;
/// use models::{Init, Lookahead, Params, Sgd};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let theta = params.param("theta", &[], Init::ONES);
/// let mut opt = Lookahead::new(Sgd::new(&params), 2, 0.5);
/// for _ in 0..2 {
///     opt.step(theta.value().square().backward(), 0.1)?;
/// }
/// assert!((theta.value().item()? - 0.82).abs() < 1e-6); // half way to 0.64
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Lookahead<R> {
    inner: Optimizer<R>,
    k: usize,
    alpha: f32,
    /// Parameters and where they were `k` steps ago; filled at the first step.
    slow: Vec<(Param, Tensor)>,
}

impl<R: Rule> Lookahead<R> {
    /// The paper's values are `k` 5 and `alpha` .5.
    ///
    /// # Panics
    /// When `k` is 0.
    #[track_caller]
    pub fn new(inner: Optimizer<R>, k: usize, alpha: f32) -> Lookahead<R> {
        assert!(k > 0, "Lookahead: k is 0");
        Lookahead { inner, k, alpha, slow: vec![] }
    }

    /// Steps of the inner optimizer so far.
    pub fn steps(&self) -> usize {
        self.inner.steps()
    }

    /// One step of the inner optimizer, and after every `k` of them the step back.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    ///
    /// # Panics
    /// When a trainable parameter has no gradient.
    #[track_caller]
    pub fn step(&mut self, gradients: Gradients, lr: f32) -> Result<()> {
        if self.slow.is_empty() {
            self.slow = self.inner.updated().into_iter().map(|p| (p.clone(), p.value().detach())).collect();
        }
        self.inner.step(gradients, lr)?;
        if !self.inner.steps().is_multiple_of(self.k) {
            return Ok(());
        }
        for (param, slow) in &mut self.slow {
            *slow = slow.lerp(&param.value().detach(), self.alpha);
            param.set(slow);
        }
        self.inner.adopt()
    }

    /// The inner optimizer's state, and the slow parameters as `"NAME.slow"`.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let slow = self.slow.iter().map(|(param, slow)| (format!("{}.slow", param.name()), slow.clone()));
        self.inner.state().into_iter().chain(slow).collect()
    }

    /// Goes on after `steps` steps with the [`state`](Lookahead::state) of that time.
    ///
    /// # Errors
    /// As [`Optimizer::resume`].
    pub fn resume(&mut self, steps: usize, saved: &[(String, Tensor)]) -> crate::Result<()> {
        self.inner.resume(steps, saved)?;
        if steps == 0 {
            return Ok(());
        }
        let saved = saved.iter().map(|(name, t)| (name.as_str(), t)).collect();
        let slow = |p: Param| {
            let shape = p.value().shape().to_vec();
            Ok((p.clone(), saved_state(&saved, &format!("{}.slow", p.name()), &shape)?))
        };
        self.slow = self.inner.updated().into_iter().map(slow).collect::<crate::Result<_>>()?;
        Ok(())
    }
}
