//! Dynamic loss scaling.

use autograd::{Device, FLAT_ALIGN, Gradients, Role, State, Tensor};

use super::optimizer::saved_state;

/// Scales losses up so that small gradients do not vanish in f16, as `torch.amp.GradScaler` (Micikevicius et al. 2018, "Mixed precision
/// training"). A step in which a gradient overflows changes nothing and halves the scale; after 2000 steps without an overflow the scale
/// is doubled. All of this runs on the device within the step's plan: the host does not wait, and a new scale needs no new plan.
///
/// [`scale`](LossScaler::scale) the loss, differentiate, [`unscale`](LossScaler::unscale) the gradients, and proceed as without a scaler:
/// clip them, pass them to any optimizer. Gradients of several losses are added up before they are unscaled.
///
/// ```
/// use autograd::{Device, Half, autocast};
/// use models::{Init, LossScaler, Params, Sgd};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let theta = params.param("theta", &[], Init::ONES);
/// let mut opt = Sgd::new(&params);
/// let mut scaler = LossScaler::new(&device);
/// let loss = autocast(Half::F16, || theta.value().square());
/// let gradients = scaler.unscale(scaler.scale(&loss).backward());
/// opt.step(gradients, 0.25)?;
/// assert_eq!(theta.value().item()?, 0.5);
///
/// let loss = theta.value() * 1e38; // 65536 times its gradient is infinite
/// let gradients = scaler.unscale(scaler.scale(&loss).backward());
/// opt.step(gradients, 0.25)?;
/// assert_eq!(theta.value().item()?, 0.5);
/// assert_eq!((scaler.get_scale().item()?, scaler.skipped().item()?), (32768.0, 1.0));
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias = "GradScaler")]
#[derive(Clone)]
pub struct LossScaler {
    growth: f32,
    backoff: f32,
    interval: usize,
    /// Three scalars. `clean` counts the steps without an overflow since the scale changed, `skipped` the steps without effect.
    scale: State,
    clean: State,
    skipped: State,
}

impl LossScaler {
    /// Torch's defaults: a scale of 65536, doubled after 2000 steps without an overflow, halved after a step with one.
    pub fn new(device: &Device) -> LossScaler {
        let scalar = |value: f32| State::new(&Tensor::constant(device, &[value], &[]), Role::State);
        let [scale, clean, skipped] = [65536.0, 0.0, 0.0].map(scalar);
        LossScaler { growth: 2.0, backoff: 0.5, interval: 2000, scale, clean, skipped }
    }

    /// The initial scale. With powers of 2, scaling causes no rounding.
    pub fn init_scale(self, scale: f32) -> LossScaler {
        self.scale.set(&Tensor::constant(self.scale.value().device(), &[scale], &[]));
        self
    }

    /// The factor by which the scale grows after [`growth_interval`](LossScaler::growth_interval) steps.
    pub fn growth_factor(self, growth: f32) -> LossScaler {
        LossScaler { growth, ..self }
    }

    /// The factor by which the scale shrinks after an overflow.
    pub fn backoff_factor(self, backoff: f32) -> LossScaler {
        LossScaler { backoff, ..self }
    }

    /// Steps without an overflow until the scale grows.
    pub fn growth_interval(self, interval: usize) -> LossScaler {
        LossScaler { interval, ..self }
    }

    /// The loss, a scalar, times the scale: for [`backward`](Tensor::backward).
    #[track_caller]
    pub fn scale(&self, loss: &Tensor) -> Tensor {
        loss * self.scale.value().reshape(loss.shape())
    }

    /// The gradients of the loss, given those of the scaled loss; call it once per step. If any is not finite, their
    /// [root](Gradients::root) becomes infinite, so that the optimizer changes nothing, and the scale of the next step is reduced.
    ///
    /// # Panics
    /// When there are no gradients.
    #[track_caller]
    pub fn unscale(&self, gradients: Gradients) -> Gradients {
        assert!(!gradients.variables().is_empty(), "LossScaler: no gradients");
        let inverse = self.scale.value().reciprocal();
        // Of all gradients at once, in the tensor that the optimizer reads.
        let ok = gradients.joined(FLAT_ALIGN).isfinite().all(&[0], false).detach();
        let gradients = gradients.scaled(&inverse);
        let loss = match gradients.root() {
            Some(loss) => loss * inverse.reshape(loss.shape()),
            None => inverse.ones_like(),
        };
        self.update(&ok);
        let infinite = Tensor::scalar(loss.device(), f32::INFINITY).expand(loss.shape());
        let decisive = loss.where_(&ok.reshape(loss.shape()), &infinite);
        gradients.with_root(decisive).with_skipped(&self.skipped)
    }

    /// Records the new scale and counts, which take effect with the step of these gradients.
    fn update(&self, ok: &Tensor) {
        let [scale, clean, skipped] = [&self.scale, &self.clean, &self.skipped].map(State::value);
        let ended = clean + 1.0;
        let due = ended.ge(self.interval as f32);
        let grown = &scale * self.growth;
        let grown = grown.where_(&due.logical_and(grown.isfinite()), &scale);
        self.scale.update(&grown.where_(ok, &(&scale * self.backoff)));
        self.clean.update(&ended.where_(&ok.logical_and(due.logical_not()), &ended.zeros_like()));
        self.skipped.update(&skipped.where_(ok, &(&skipped + 1.0)));
    }

    /// The scale of the next loss, a scalar.
    pub fn get_scale(&self) -> Tensor {
        self.scale.value()
    }

    /// The number of steps so far that changed nothing, a scalar.
    pub fn skipped(&self) -> Tensor {
        self.skipped.value()
    }

    /// Discards the updates that [`unscale`](LossScaler::unscale) recorded for a step that failed.
    pub fn discard_updates(&self) {
        [&self.scale, &self.clean, &self.skipped].into_iter().for_each(State::discard_update);
    }

    /// The three named scalars needed to resume.
    #[doc(alias = "state_dict")]
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let all = [("scale", &self.scale), ("clean_steps", &self.clean), ("skipped_steps", &self.skipped)];
        all.map(|(name, state)| (name.to_owned(), state.value())).into()
    }

    /// Continues from a saved [`state`](LossScaler::state).
    ///
    /// # Errors
    /// [`Error::OptimizerState`](crate::Error::OptimizerState) when a tensor is missing or is not a scalar.
    #[doc(alias = "load_state_dict")]
    pub fn resume(&mut self, saved: &[(String, Tensor)]) -> crate::Result<()> {
        let saved = saved.iter().map(|(name, t)| (name.as_str(), t)).collect();
        for (name, state) in
            [("scale", &self.scale), ("clean_steps", &self.clean), ("skipped_steps", &self.skipped)]
        {
            state.set(&saved_state(&saved, name, &[])?);
        }
        Ok(())
    }
}
