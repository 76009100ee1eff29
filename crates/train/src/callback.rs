//! Parts of a program that a [`Trainer`](crate::Trainer) tells what happens.

use crate::{Error, History, Result};

/// Where a run is.
pub struct Moment<'a> {
    /// Everything measured so far. The last steps may be missing while the device works on them.
    pub history: &'a History,
    /// Optimizer steps done.
    pub steps: usize,
    /// Optimizer steps of the whole run.
    pub total: usize,
    /// Optimizer steps of an epoch.
    pub per_epoch: usize,
    /// Steps done before this process went on with the run.
    pub first: usize,
    /// Seconds since this process began to train.
    pub seconds: f64,
}

/// Whether to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    Continue,
    /// Stop, for a reason that is told to the user.
    Stop(String),
}

/// What a callback may do; all of it is optional.
pub trait Callback {
    /// A run begins or goes on.
    fn on_start(&mut self, moment: &Moment) -> Result<()> {
        let _ = moment;
        Ok(())
    }

    /// The numbers of one more step are in the history.
    fn on_step(&mut self, moment: &Moment) -> Result<Flow> {
        let _ = moment;
        Ok(Flow::Continue)
    }

    /// New figures are in the history. A run that goes on tells those of before once more with [`replay`](Callback::replay).
    fn on_evaluation(&mut self, moment: &Moment, figures: &[(&str, f64)]) -> Result<Flow> {
        let _ = (moment, figures);
        Ok(Flow::Continue)
    }

    /// Figures that were measured before this process went on with the run, in their order.
    fn replay(&mut self, steps: usize, figures: &[(&str, f64)]) {
        let _ = (steps, figures);
    }

    /// Training is over, for now or for good; `reason` says why.
    fn on_end(&mut self, moment: &Moment, reason: &str) -> Result<()> {
        let _ = (moment, reason);
        Ok(())
    }
}

/// The figure of a name.
///
/// # Errors
/// [`Error::NoFigure`] when there is none.
pub(crate) fn figure(figures: &[(&str, f64)], name: &str) -> Result<f64> {
    let found = figures.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
    let known = || figures.iter().map(|(name, _)| (*name).to_owned()).collect();
    found.ok_or_else(|| Error::NoFigure { name: name.to_owned(), known: known() })
}
