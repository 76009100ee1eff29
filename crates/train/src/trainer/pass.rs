//! Forward and backward passes of a step, captured if the task allows it.

use std::cell::RefCell;
use std::rc::Rc;

use autograd::{Captured, Gradients, Half, Tensor, autocast, stack};
use distributed::World;
use models::LossScaler;

use super::options::Options;
use super::{Clip, StepOutput, Task};
use crate::Result;

type Replayed<'t> = Captured<Box<dyn FnMut(&[Tensor]) -> Gradients + 't>>;

/// The pass over one batch: its gradients, whose only [output](Gradients::outputs) is a vector of the loss and the watched scalars.
pub(super) struct Pass<'t, T> {
    task: &'t T,
    made: Rc<Made>,
    captured: Replayed<'t>,
    warned: bool,
}

/// Computes gradients and watched values from an outcome.
struct Made {
    half: Option<Half>,
    scaler: Option<LossScaler>,
    clip: Option<Clip>,
    world: World,
    /// Batches per step.
    accumulate: usize,
    /// Names of the watched values, once known.
    names: RefCell<Vec<String>>,
}

impl<'t, T: Task> Pass<'t, T> {
    pub fn new(task: &'t T, options: &Options, scaler: Option<&LossScaler>, world: &World) -> Pass<'t, T> {
        let made = Rc::new(Made {
            half: options.half,
            scaler: scaler.cloned(),
            clip: options.clip,
            world: world.clone(),
            accumulate: options.accumulate,
            names: RefCell::default(),
        });
        let own = made.clone();
        let pass = move |inputs: &[Tensor]| own.gradients(autocast(own.half, || task.forward(inputs)));
        Pass { task, made, captured: Captured::new(Box::new(pass)), warned: false }
    }

    /// Names of the watched values; empty before the first pass.
    pub fn names(&self) -> Vec<String> {
        self.made.names.borrow().clone()
    }

    /// The gradients of a batch's share of a step. For a step of one batch they are already unscaled and clipped.
    #[track_caller]
    pub fn of(&mut self, batch: &T::Batch) -> Result<Gradients> {
        let Some(inputs) = self.task.inputs(batch)? else {
            return Ok(self.made.gradients(autocast(self.made.half, || self.task.train(batch))?));
        };
        let gradients = self.captured.call(&inputs)?;
        if let Some(reason) = self.captured.impure().filter(|_| !self.warned) {
            eprintln!(
                "The training pass is recorded at every step, because it is not a pure function of its inputs: {reason}"
            );
            self.warned = true;
        }
        Ok(gradients)
    }

    /// Unscales and clips accumulated gradients, and adds their norm to the watched values.
    #[track_caller]
    pub fn finish(&self, gradients: Gradients, watched: Tensor) -> (Gradients, Tensor) {
        self.made.finished(gradients, watched)
    }
}

impl Made {
    #[track_caller]
    fn gradients(&self, outcome: StepOutput) -> Gradients {
        let share = 1.0 / self.accumulate as f32;
        let loss = if self.accumulate == 1 { outcome.loss.clone() } else { &outcome.loss * share };
        let gradients = self.scaler.as_ref().map_or_else(|| loss.backward(), |s| s.scale(&loss).backward());
        let mut scalars = vec![outcome.loss.detach()];
        scalars.extend(outcome.watched.iter().map(|(_, scalar)| scalar.clone()));
        let mut names: Vec<String> = vec!["loss".into()];
        names.extend(outcome.watched.iter().map(|(name, _)| (*name).to_owned()));
        if let Some(Clip::Norm(_)) = self.clip {
            names.push("gradient norm".into());
        }
        *self.names.borrow_mut() = names;
        let watched = stack(&scalars.iter().collect::<Vec<_>>(), 0);
        if self.accumulate > 1 {
            return gradients.with_output(&(watched * share));
        }
        let (gradients, watched) = self.finished(gradients, watched);
        gradients.with_output(&watched)
    }

    #[track_caller]
    fn finished(&self, gradients: Gradients, watched: Tensor) -> (Gradients, Tensor) {
        let (gradients, watched) = self.averaged(gradients, watched);
        let gradients = match &self.scaler {
            Some(scaler) => scaler.unscale(gradients),
            None => gradients,
        };
        match self.clip {
            Some(Clip::Norm(max)) => {
                let (clipped, norm) = gradients.clip_norm(max, 2.0);
                (clipped, autograd::cat(&[&watched, &norm.detach().reshape(&[1])], 0))
            }
            Some(Clip::Value(limit)) => (gradients.clip_value(limit), watched),
            None => (gradients, watched),
        }
    }
    /// The means over all ranks.
    #[track_caller]
    fn averaged(&self, gradients: Gradients, watched: Tensor) -> (Gradients, Tensor) {
        if self.world.size() == 1 {
            return (gradients, watched);
        }
        let mean = self.world.mean(&gradients.without_outputs().with_output(&watched));
        let watched = mean.outputs()[0].clone();
        (mean.without_outputs(), watched)
    }
}
