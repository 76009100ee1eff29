//! One optimizer step: gradients, update, average, as one transaction.

use autograd::{Accumulator, Gradients, Tensor, Transaction, stack};
use distributed::DiLoCo;
use models::{Average, LossScaler};

use super::pass::Pass;
use super::{Fit, Task, Trainer};
use crate::Result;

impl Trainer<'_> {
    /// Takes an optimizer step on the mean loss of some batches; returns the values to log, the loss first. After an error, the state
    /// is that before the step.
    #[track_caller]
    pub(super) fn step<T: Task>(
        &mut self,
        pass: &mut Pass<T>,
        batches: &[T::Batch],
        lr: f32,
        fit: &mut Fit,
    ) -> Result<Tensor> {
        let random = self.params.generator().state();
        let done = self.try_step(pass, batches, lr, fit);
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
        pass: &mut Pass<T>,
        batches: &[T::Batch],
        lr: f32,
        fit: &mut Fit,
    ) -> Result<Tensor> {
        let (gradients, values) = match batches {
            [batch] => {
                let gradients = pass.of(batch)?;
                let values = gradients.outputs()[0].clone();
                (gradients, values)
            }
            several => accumulated(pass, several)?,
        };
        if fit.columns.is_empty() {
            fit.columns = pass.names();
        }
        let norms = self.watches_gradients(fit).then(|| self.gradient_norms(&gradients));
        let watched = norms.iter().map(|(_, norms)| norms).chain([&values]);
        let mut step = watched.fold(gradients.transaction(), Transaction::output);
        self.optimizer.record(&gradients, lr, &mut step)?;
        self.average.iter().for_each(|average| average.record(&mut step));
        // The gradients' handles would keep the memory of old values alive.
        drop(gradients);
        step.run()?;
        self.optimizer.succeeded();
        self.average.iter_mut().for_each(Average::succeeded);
        self.outer.iter_mut().try_for_each(DiLoCo::step)?;
        if let Some((names, norms)) = norms {
            let norms = norms.to_vec::<f32>()?.into_iter().map(f64::from);
            let parts = names.into_iter().zip(norms).collect();
            self.history.detailed(self.optimizer.steps(), "gradient norms", parts)?;
        }
        Ok(values)
    }

    /// Whether gradient norms are logged: an evaluation follows the step being recorded.
    fn watches_gradients(&self, fit: &Fit) -> bool {
        let after = self.optimizer.steps() + 1;
        self.options.watch_gradients
            && (after.is_multiple_of(self.options.evaluate_every.unwrap_or(fit.per_epoch))
                || after == fit.total)
    }

    /// Names of the parameters with a gradient, and the 2-norms of these gradients.
    fn gradient_norms(&self, gradients: &Gradients) -> (Vec<String>, Tensor) {
        let of =
            |param: models::Param| Some((param.name().to_owned(), gradients.get(&param.value())?.clone()));
        let (names, gradients): (Vec<String>, Vec<Tensor>) =
            self.params.trainable().into_iter().filter_map(of).unzip();
        let norms: Vec<Tensor> = gradients.iter().map(|g| g.square().sum_all().sqrt()).collect();
        (names, stack(&norms.iter().collect::<Vec<_>>(), 0))
    }
}

/// The gradients of the mean loss of several batches, one after the other, and the means of the watched values.
#[track_caller]
fn accumulated<T: Task>(pass: &mut Pass<T>, batches: &[T::Batch]) -> Result<(Gradients, Tensor)> {
    let (mut sum, mut means) = (Accumulator::default(), None);
    for batch in batches {
        let gradients = pass.of(batch)?;
        let values = gradients.outputs()[0].clone();
        sum.add(gradients)?;
        means = Some(means.map_or_else(|| values.clone(), |mean| mean + &values));
    }
    let means = means.expect("a step has a batch");
    Ok(pass.finish(sum.take(), means))
}
