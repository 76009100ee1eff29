//! One optimizer step: forward, backward, clipping, update, average.

use autograd::{Accumulator, Gradients, Tensor, Transaction, autocast, stack};
use models::{Average, LossScaler};

use super::{Clip, Fit, Outcome, Task, Trainer};
use crate::Result;

/// Scalars and their names.
type Watched = Vec<(&'static str, Tensor)>;

impl Trainer<'_> {
    /// Steps on the mean loss of some batches; gives what the log should say of it, beginning with the loss. After an error
    /// everything is as it was before the step.
    #[track_caller]
    pub(super) fn step<T: Task>(
        &mut self,
        task: &T,
        batches: &[T::Batch],
        lr: f32,
        fit: &mut Fit,
    ) -> Result<Tensor> {
        let random = self.params.generator().state();
        let done = self.try_step(task, batches, lr, fit);
        if done.is_err() {
            self.params.generator().set_state(random);
            self.params.discard_updates();
            self.scaler.iter().for_each(LossScaler::discard_updates);
        }
        done
    }

    #[track_caller]
    fn try_step<T: Task>(
        &mut self,
        task: &T,
        batches: &[T::Batch],
        lr: f32,
        fit: &mut Fit,
    ) -> Result<Tensor> {
        let (gradients, mut watched) = match batches {
            [batch] => {
                let outcome = self.forward(task, batch)?;
                (self.backward(&outcome.loss), of(outcome))
            }
            several => self.accumulated(task, several)?,
        };
        let gradients = match &self.scaler {
            Some(scaler) => scaler.unscale(gradients),
            None => gradients,
        };
        let gradients = match self.options.clip {
            Some(Clip::Norm(max)) => {
                let (clipped, norm) = gradients.clip_norm(max, 2.0);
                watched.push(("gradient norm", norm.detach()));
                clipped
            }
            Some(Clip::Value(limit)) => gradients.clip_value(limit),
            None => gradients,
        };
        if fit.columns.is_empty() {
            fit.columns = watched.iter().map(|(name, _)| (*name).to_owned()).collect();
        }
        let values = stack(&watched.iter().map(|(_, scalar)| scalar).collect::<Vec<_>>(), 0);
        drop(watched);
        let norms = self.watches_gradients(fit).then(|| self.gradient_norms(&gradients));
        let watched = norms.iter().map(|(_, norms)| norms).chain([&values]);
        let mut step = watched.fold(gradients.transaction(), Transaction::output);
        self.optimizer.record(&gradients, lr, &mut step)?;
        self.average.iter().for_each(|average| average.record(&mut step));
        // Handles on the old values keep their memory.
        drop(gradients);
        step.run()?;
        self.optimizer.succeeded();
        self.average.iter_mut().for_each(Average::succeeded);
        if let Some((names, norms)) = norms {
            let norms = norms.to_vec::<f32>()?.into_iter().map(f64::from);
            let parts = names.into_iter().zip(norms).collect();
            self.history.detailed(self.optimizer.steps(), "gradient norms", parts)?;
        }
        Ok(values)
    }

    /// A forward pass in the precision asked for.
    #[track_caller]
    fn forward<T: Task>(&self, task: &T, batch: &T::Batch) -> Result<Outcome> {
        autocast(self.options.half, || task.train(batch))
    }

    /// The gradients of a loss, scaled if there is a scaler.
    #[track_caller]
    fn backward(&self, loss: &Tensor) -> Gradients {
        self.scaler.as_ref().map_or_else(|| loss.backward(), |scaler| scaler.scale(loss).backward())
    }

    /// The gradients of the mean loss of several batches, one after the other, and means of what is watched.
    #[track_caller]
    fn accumulated<T: Task>(&self, task: &T, batches: &[T::Batch]) -> Result<(Gradients, Watched)> {
        let share = 1.0 / batches.len() as f32;
        let (mut sum, mut means): (Accumulator, Watched) = (Accumulator::default(), vec![]);
        for batch in batches {
            let outcome = self.forward(task, batch)?;
            let loss = &outcome.loss * share;
            for (i, (name, scalar)) in of(outcome).into_iter().enumerate() {
                match means.get_mut(i) {
                    Some((_, mean)) => *mean = &*mean + scalar * share,
                    None => means.push((name, scalar * share)),
                }
            }
            sum.add(self.backward(&loss))?;
        }
        Ok((sum.take(), means))
    }

    /// Whether the next evaluation comes after the step in the making.
    fn watches_gradients(&self, fit: &Fit) -> bool {
        let after = self.optimizer.steps() + 1;
        self.options.watch_gradients
            && (after.is_multiple_of(self.options.evaluate_every.unwrap_or(fit.per_epoch))
                || after == fit.total)
    }

    /// The 2-norm of the gradient of each parameter that has one, and their names.
    fn gradient_norms(&self, gradients: &Gradients) -> (Vec<String>, Tensor) {
        let of =
            |param: models::Param| Some((param.name().to_owned(), gradients.get(&param.value())?.clone()));
        let (names, gradients): (Vec<String>, Vec<Tensor>) =
            self.params.trainable().into_iter().filter_map(of).unzip();
        let norms: Vec<Tensor> = gradients.iter().map(|g| g.square().sum_all().sqrt()).collect();
        (names, stack(&norms.iter().collect::<Vec<_>>(), 0))
    }
}

/// What is read back: the loss, and what else is watched.
fn of(outcome: Outcome) -> Watched {
    std::iter::once(("loss", outcome.loss.detach())).chain(outcome.watched).collect()
}
