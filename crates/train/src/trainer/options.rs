//! Options of a trainer.

use std::time::Duration;

use autograd::Half;
use distributed::{Compression, World};
use models::{Average, LossScaler, Optimize, Params};

use super::{CHECKPOINTS, Rate, Trainer};
use crate::best::{Best, Goal};
use crate::callback::Callback;
use crate::{Checkpoints, History, Interrupt, Result, Run};

/// How gradients are clipped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clip {
    /// Scales all gradients down to this joint 2-norm.
    Norm(f32),
    /// Clamps each element to plus and minus this.
    Value(f32),
}

/// Steps of each rank between two exchanges: [`Trainer::local_steps`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocalSteps {
    /// Number of local steps.
    pub every: usize,
    /// Rate of the step that all ranks take on the mean difference of their parameters; 0.7 by default.
    pub lr: f32,
    /// Its Nesterov momentum; 0.9 by default. 0 with a rate of 1 averages the parameters.
    pub momentum: f32,
    /// How the differences are sent.
    pub compression: Option<Compression>,
}

impl LocalSteps {
    /// Exchanges after so many steps, with the rate and momentum of DiLoCo.
    pub fn new(every: usize) -> LocalSteps {
        LocalSteps { every, lr: 0.7, momentum: 0.9, compression: None }
    }
}

pub(super) struct Options {
    pub epochs: usize,
    pub steps: Option<usize>,
    pub stop_after: Option<usize>,
    pub accumulate: usize,
    pub clip: Option<Clip>,
    pub half: Option<Half>,
    pub watch_gradients: bool,
    pub evaluate_every: Option<usize>,
    pub save_every: Option<usize>,
    pub restore_best: bool,
    pub sync_batch_norm: bool,
    pub local_steps: Option<LocalSteps>,
    pub resume: bool,
    pub time_limit: Option<Duration>,
}

impl<'a> Trainer<'a> {
    /// Trains for one epoch with the rates of a schedule, or of [`Rate::Plateau`], which follows a figure. Logs to the run's directory
    /// and evaluates at the end of each epoch; writes no checkpoints.
    pub fn new(
        params: &Params,
        optimizer: impl Optimize + 'a,
        rate: impl Into<Rate<'a>>,
        run: Run,
    ) -> Trainer<'a> {
        let options = Options {
            epochs: 1,
            steps: None,
            stop_after: None,
            accumulate: 1,
            clip: None,
            half: None,
            watch_gradients: false,
            evaluate_every: None,
            save_every: None,
            restore_best: false,
            sync_batch_norm: false,
            local_steps: None,
            resume: false,
            time_limit: None,
        };
        Trainer {
            params: params.clone(),
            optimizer: Box::new(optimizer),
            rate: rate.into(),
            history: History::unwritten(run.path()),
            run,
            world: World::default(),
            outer: None,
            options,
            average: None,
            scaler: None,
            best: None,
            checkpoints: None,
            callbacks: vec![],
            interrupt: Interrupt::default(),
        }
    }

    /// Trains for this many passes over the source.
    #[doc(alias = "max_epochs")]
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.options.epochs = epochs;
        self
    }

    /// Trains for this many optimizer steps instead of epochs.
    #[doc(alias = "max_steps")]
    pub fn steps(mut self, steps: usize) -> Self {
        self.options.steps = Some(steps);
        self
    }

    /// Stops after this many steps of the run, without changing the schedule.
    pub fn stop_after(mut self, steps: Option<usize>) -> Self {
        self.options.stop_after = steps;
        self
    }

    /// Takes each optimizer step on the mean loss of this many batches.
    #[doc(alias = "accumulate_grad_batches")]
    pub fn accumulate(mut self, batches: usize) -> Self {
        self.options.accumulate = batches.max(1);
        self
    }

    /// Clips gradients; with [`Clip::Norm`] their norm before clipping is logged.
    #[doc(alias = "gradient_clip_val")]
    pub fn clip(mut self, clip: Clip) -> Self {
        self.options.clip = Some(clip);
        self
    }

    /// Trains in mixed precision: activations kept for the backward pass are in half precision ([`autocast`](autograd::autocast)).
    /// With f16 the loss is scaled, and a step whose gradients overflow is skipped ([`LossScaler`]).
    #[doc(alias = "precision")]
    pub fn mixed(mut self, half: Half) -> Self {
        self.options.half = Some(half);
        self.scaler = (half == Half::F16).then(|| LossScaler::new(self.params.device()));
        self
    }

    /// Logs the norm of every parameter's gradient in the step before each evaluation.
    pub fn watch_gradients(mut self) -> Self {
        self.options.watch_gradients = true;
        self
    }

    /// Keeps an exponential moving average of the parameters, which is evaluated and saved by [`best`](Trainer::best).
    pub fn ema(mut self, decay: f32) -> Self {
        self.average = Some(Average::ema(&self.params, decay));
        self
    }

    /// Evaluates after every `steps` steps instead of every epoch, and after the last step.
    #[doc(alias = "val_check_interval")]
    pub fn evaluate_every(mut self, steps: usize) -> Self {
        self.options.evaluate_every = Some(steps.max(1));
        self
    }

    /// Keeps the weights with the best value of a figure of the evaluation, in `best.safetensors`.
    pub fn best(mut self, figure: impl Into<String>, goal: Goal) -> Self {
        self.best = Some((figure.into(), Best::new(goal)));
        self
    }

    /// Ends with the best weights instead of the last ones; see [`best`](Trainer::best).
    pub fn restore_best(mut self) -> Self {
        self.options.restore_best = true;
        self
    }

    /// Writes a checkpoint with every evaluation, and when training stops; the newest `keep` stay in `checkpoints`.
    ///
    /// # Errors
    /// [`Error::Output`](crate::Error::Output) when the directory can't be made or written.
    pub fn checkpoints(mut self, keep: usize) -> Result<Self> {
        self.checkpoints = Some(Checkpoints::new(self.run.join(CHECKPOINTS))?.keep(keep));
        Ok(self)
    }

    /// Writes checkpoints after every `steps` steps instead of with every evaluation.
    pub fn save_every(mut self, steps: usize) -> Self {
        self.options.save_every = Some(steps.max(1));
        self
    }

    /// Resumes from the newest checkpoint, if `resume` is set. The source, the model and the options must be those of the run.
    pub fn resume(mut self, resume: bool) -> Self {
        self.options.resume = resume;
        self
    }

    /// Stops after the first step that ends later than this.
    #[doc(alias = "max_time")]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.options.time_limit = Some(limit);
        self
    }

    /// Stops after the step in which `interrupt` is requested.
    pub fn interrupt(mut self, interrupt: Interrupt) -> Self {
        self.interrupt = interrupt;
        self
    }

    /// Adds a callback.
    pub fn callback(mut self, callback: impl Callback + 'a) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// The measurements so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The directory of the run.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The best value so far of the figure that [`best`](Trainer::best) names.
    pub fn best_value(&self) -> Option<f64> {
        self.best.as_ref()?.1.value
    }
}
