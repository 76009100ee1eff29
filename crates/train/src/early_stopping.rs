//! Stopping when a figure does not improve any more.

use crate::Result;
use crate::best::{Best, Goal};
use crate::callback::{Callback, Flow, Moment, figure};

/// Stops after a number of evaluations without progress, as Keras's `EarlyStopping`. To keep the best weights, use
/// [`Trainer::best`](crate::Trainer::best).
///
/// ```
/// use train::{EarlyStopping, Goal};
/// let mut stopping = EarlyStopping::new("val loss", Goal::Min).patience(2).min_delta(0.05);
/// let stop = [1.0, 0.5, 0.49, 0.48, 0.47].map(|loss| stopping.is_over(loss));
/// assert_eq!(stop, [false, false, false, true, true]);
/// ```
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    figure: String,
    best: Best,
    patience: usize,
    /// Evaluations since the best one.
    waited: usize,
}

impl EarlyStopping {
    /// Watches a figure; stops at the first evaluation without progress.
    pub fn new(figure: impl Into<String>, goal: Goal) -> EarlyStopping {
        EarlyStopping { figure: figure.into(), best: Best::new(goal), patience: 1, waited: 0 }
    }

    /// Stops after this many evaluations without progress.
    pub fn patience(self, patience: usize) -> EarlyStopping {
        EarlyStopping { patience: patience.max(1), ..self }
    }

    /// Counts only an improvement of more than this as progress.
    pub fn min_delta(mut self, min_delta: f64) -> EarlyStopping {
        self.best.min_delta = min_delta;
        self
    }

    /// Takes the next value of the figure, and returns whether to stop.
    pub fn is_over(&mut self, value: f64) -> bool {
        self.waited = if self.best.improve(value) { 0 } else { self.waited + 1 };
        self.waited >= self.patience
    }
}

impl Callback for EarlyStopping {
    fn on_evaluation(&mut self, _: &Moment, figures: &[(&str, f64)]) -> Result<Flow> {
        let value = figure(figures, &self.figure)?;
        if !self.is_over(value) {
            return Ok(Flow::Continue);
        }
        let best = self.best.value.unwrap_or(f64::NAN);
        Ok(Flow::Stop(format!(
            "{} has not been better than {best} for {} evaluations",
            self.figure, self.waited
        )))
    }

    fn replay(&mut self, _: usize, figures: &[(&str, f64)]) {
        if let Ok(value) = figure(figures, &self.figure) {
            self.is_over(value);
        }
    }
}
