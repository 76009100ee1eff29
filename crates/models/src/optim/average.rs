//! Averages of parameters over steps.

use autograd::{Result, Role, State, Tensor, Transaction};

use super::optimizer::saved_state;
use crate::params::Place;
use crate::{Param, Params};

/// An average of a model's trainable parameters, stored separately: exponential (EMA), or with equal weights (Polyak and Juditsky 1992;
/// stochastic weight averaging, SWA, Izmailov et al. 2018), as `torch.optim.swa_utils.AveragedModel`. Buffers, such as running
/// statistics, are not averaged: recompute them by passing some training batches through the averaged model.
///
/// ```
/// use autograd::Device;
/// use models::{Average, Init, Params, Sgd};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let theta = params.param("theta", &[], Init::ONES);
/// let mut opt = Sgd::new(&params);
/// let mut average = Average::ema(&params, 0.5);
/// for _ in 0..2 {
///     opt.step(theta.value().square().backward(), 0.1)?; // 0.8, 0.64
///     average.update()?;
/// }
/// average.swap(); // to evaluate the averaged model
/// assert!((theta.value().item()? - 0.72).abs() < 1e-6);
/// average.swap(); // to continue training
/// assert!((theta.value().item()? - 0.64).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias("AveragedModel", "swa_utils"))]
pub struct Average {
    /// The weight of the old average in an update; `None` for equal weights.
    decay: Option<f32>,
    values: Vec<(Param, State)>,
    /// The places of the parameters while the averages are swapped in.
    aside: Option<Vec<Place>>,
    updates: usize,
}

impl Average {
    /// Exponential moving average: `average = decay average + (1 - decay) p`. The first update copies the parameters.
    #[doc(alias = "get_ema_multi_avg_fn")]
    pub fn ema(params: &Params, decay: f32) -> Average {
        Average::new(params, Some(decay))
    }

    /// The mean of the parameters at all updates.
    #[doc(alias = "get_swa_multi_avg_fn")]
    pub fn swa(params: &Params) -> Average {
        Average::new(params, None)
    }

    fn new(params: &Params, decay: Option<f32>) -> Average {
        let values = params.trainable().into_iter().map(|param| {
            let start = State::new(&param.value(), Role::State);
            (param, start)
        });
        let values = values.collect();
        Average { decay, values, aside: None, updates: 0 }
    }

    /// Updates the averages with the current parameters, usually after an optimizer's step.
    ///
    /// # Errors
    /// Whatever goes wrong on the device. The averages are unchanged then.
    pub fn update(&mut self) -> Result<()> {
        let mut step = Transaction::default();
        self.record(&mut step);
        step.run()?;
        self.succeeded();
        Ok(())
    }

    /// Records the update as part of an optimizer's step, with the parameters after that step. It [counts](Average::succeeded) only if
    /// the step succeeds.
    pub fn record(&self, step: &mut Transaction) {
        let share = match self.decay {
            Some(decay) => 1.0 - decay,
            None => 1.0 / (self.updates + 1) as f32,
        };
        for (param, average) in &self.values {
            let value = param.value_after(step);
            // A copy, as the average must not share the parameter's memory.
            let new = if self.updates == 0 { value * 1.0 } else { average.value().lerp(&value, share) };
            step.set(average, new);
        }
    }

    /// Counts the update recorded last, after its step has succeeded.
    pub fn succeeded(&mut self) {
        self.updates += 1;
    }

    /// Replaces the parameters by the averages; a second call restores the parameters.
    pub fn swap(&mut self) {
        let back = self.aside.take();
        let places = match &back {
            None => self.values.iter().map(|(_, average)| Place::whole(average)).collect(),
            Some(aside) => aside.clone(),
        };
        let aside = self.values.iter().zip(places).map(|((param, _), place)| param.put(place)).collect();
        if back.is_none() {
            self.aside = Some(aside);
        }
    }

    /// Number of updates so far.
    pub fn updates(&self) -> usize {
        self.updates
    }

    /// The averages by parameter name; with [`updates`](Average::updates), all that is needed to resume.
    #[doc(alias = "state_dict")]
    pub fn state(&self) -> Vec<(String, Tensor)> {
        self.values.iter().map(|(param, average)| (param.name().to_owned(), average.value())).collect()
    }

    /// Continues after `updates` updates from the [`state`](Average::state) saved at that point.
    ///
    /// # Errors
    /// [`Error::OptimizerState`](crate::Error::OptimizerState) when an average is missing or has another shape.
    #[doc(alias = "load_state_dict")]
    pub fn resume(&mut self, updates: usize, saved: &[(String, Tensor)]) -> crate::Result<()> {
        let saved = saved.iter().map(|(name, t)| (name.as_str(), t)).collect();
        for (param, average) in &self.values {
            average.set(&saved_state(&saved, param.name(), average.value().shape())?);
        }
        self.updates = updates;
        Ok(())
    }
}
