//! Lookahead.

use autograd::{Gradients, Result, Role, State, Tensor, Transaction};

use super::flat::Group;
use super::optimize::Optimize;
use super::optimizer::{Optimizer, saved_state};
use super::rule::Rule;
use crate::flat::{join, split};

/// Lookahead (Zhang et al. 2019, "Lookahead optimizer: k steps forward, 1 step back") around any optimizer: after every `k` steps the
/// parameters are reset to `slow + alpha (p - slow)`, which becomes the new `slow`.
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
    /// The slow weights, one flat state per group; filled at the first step.
    slow: Vec<State>,
}

impl<R: Rule> Lookahead<R> {
    /// The paper uses `k` 5 and `alpha` .5.
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

    /// One step of the inner optimizer and, after every `k` of them, the interpolation with the slow weights.
    ///
    /// # Errors
    /// As [`Optimizer::step`].
    ///
    /// # Panics
    /// When no trainable parameter has a gradient.
    #[track_caller]
    pub fn step(&mut self, gradients: Gradients, lr: f32) -> Result<()> {
        Optimize::step(self, gradients, lr)
    }

    /// The inner optimizer's state, and the slow parameters as `"NAME.slow"`.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let started = self.inner.groups().zip(&self.slow).filter(|_| self.steps() > 0);
        let slow = started.flat_map(|(group, slow)| {
            let parts = split(&slow.value(), &group.shapes);
            names(group).zip(parts).collect::<Vec<_>>()
        });
        self.inner.state().into_iter().chain(slow).collect()
    }

    /// Continues after `steps` steps from the [`state`](Lookahead::state) saved at that point.
    ///
    /// # Errors
    /// As [`Optimizer::resume`].
    pub fn resume(&mut self, steps: usize, saved: &[(String, Tensor)]) -> crate::Result<()> {
        self.inner.resume(steps, saved)?;
        if steps == 0 {
            return Ok(());
        }
        let saved = saved.iter().map(|(name, t)| (name.as_str(), t)).collect();
        let slow = |group: &Group| {
            let parts =
                names(group).zip(&group.shapes).map(|(name, shape)| saved_state(&saved, &name, shape));
            Ok(State::new(&join(&parts.collect::<crate::Result<Vec<_>>>()?), Role::State))
        };
        self.slow = self.inner.groups().map(slow).collect::<crate::Result<_>>()?;
        Ok(())
    }
}

impl<R: Rule> Optimize for Lookahead<R> {
    fn record(&mut self, gradients: &Gradients, lr: f32, step: &mut Transaction) -> Result<()> {
        if self.slow.is_empty() {
            self.inner.open()?;
            let start = |group: &Group| State::new(&group.flat.value(), Role::State);
            self.slow = self.inner.groups().map(start).collect();
        }
        self.inner.record(gradients, lr, step)?;
        if (self.steps() + 1).is_multiple_of(self.k) {
            for (group, slow) in self.inner.groups().zip(&self.slow) {
                let back = slow.value().lerp(&step.value(&group.flat), self.alpha);
                step.set(&group.flat, back.clone());
                step.set(slow, back);
            }
        }
        Ok(())
    }

    fn succeeded(&mut self) {
        self.inner.succeeded();
    }

    fn steps(&self) -> usize {
        Lookahead::steps(self)
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        Lookahead::state(self)
    }

    fn resume(&mut self, steps: usize, state: &[(String, Tensor)]) -> crate::Result<()> {
        Lookahead::resume(self, steps, state)
    }
}

/// The names under which a group's slow parameters are saved.
fn names(group: &Group) -> impl Iterator<Item = String> {
    group.params.iter().map(|param| format!("{}.slow", param.name()))
}
