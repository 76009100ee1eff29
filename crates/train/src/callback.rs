//! Callbacks that a [`Trainer`](crate::Trainer) calls as a run proceeds.

use crate::{Error, History, Result};

/// How far a run is.
pub struct Moment<'a> {
    /// Everything measured so far. The last steps may be missing while the device still computes them.
    pub history: &'a History,
    /// Optimizer steps done.
    pub steps: usize,
    /// Optimizer steps of the whole run.
    pub total: usize,
    /// Optimizer steps per epoch.
    pub per_epoch: usize,
    /// Steps done before this process resumed the run.
    pub first: usize,
    /// Seconds since this process began to train.
    pub seconds: f64,
}

/// Whether to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Train the next step.
    Continue,
    /// Stop, for a reason that is shown to the user.
    Stop(String),
}

/// Hooks into a training run; all of them are optional.
pub trait Callback {
    /// Whether it prints or writes files, which only rank 0 of a [distributed](crate::Trainer::distributed) run does.
    fn prints_or_writes(&self) -> bool {
        false
    }

    /// A run begins or is resumed.
    fn on_start(&mut self, moment: &Moment) -> Result<()> {
        let _ = moment;
        Ok(())
    }

    /// The numbers of one more step are in the history.
    fn on_step(&mut self, moment: &Moment) -> Result<Flow> {
        let _ = moment;
        Ok(Flow::Continue)
    }

    /// New figures are in the history. A resumed run repeats the earlier ones through [`replay`](Callback::replay).
    fn on_evaluation(&mut self, moment: &Moment, figures: &[(&str, f64)]) -> Result<Flow> {
        let _ = (moment, figures);
        Ok(Flow::Continue)
    }

    /// Figures that were measured before this process resumed the run, in order.
    fn replay(&mut self, steps: usize, figures: &[(&str, f64)]) {
        let _ = (steps, figures);
    }

    /// Training ended, early or complete; `reason` says why.
    fn on_end(&mut self, moment: &Moment, reason: &str) -> Result<()> {
        let _ = (moment, reason);
        Ok(())
    }
}

/// The figure called `name`.
///
/// # Errors
/// [`Error::NoFigure`] when there is none.
pub(crate) fn figure(figures: &[(&str, f64)], name: &str) -> Result<f64> {
    let found = figures.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
    let known = || figures.iter().map(|(name, _)| (*name).to_owned()).collect();
    found.ok_or_else(|| Error::NoFigure { name: name.to_owned(), known: known() })
}
