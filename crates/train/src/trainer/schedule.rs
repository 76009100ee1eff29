//! Learning rates of a trainer.

use models::{ReduceLrOnPlateau, Schedule};

use crate::Result;
use crate::callback::figure;

/// The learning rate of each step: from a schedule, or lowered when a figure stops improving.
pub enum Rate<'a> {
    /// A learning rate for each step.
    Schedule(Box<dyn Schedule + 'a>),
    /// Follows the figure of this name.
    Plateau(String, ReduceLrOnPlateau),
}

impl<'a, S: Schedule + 'a> From<S> for Rate<'a> {
    fn from(schedule: S) -> Rate<'a> {
        Rate::Schedule(Box::new(schedule))
    }
}

impl Rate<'_> {
    /// The rate of a step, counted from 0.
    pub(super) fn lr(&self, step: usize) -> f32 {
        match self {
            Rate::Schedule(schedule) => schedule.lr(step),
            Rate::Plateau(_, plateau) => plateau.lr(),
        }
    }

    /// Updates a plateau with new figures.
    pub(super) fn evaluated(&mut self, figures: &[(&str, f64)]) -> Result<()> {
        if let Rate::Plateau(name, plateau) = self {
            plateau.step(figure(figures, name)?);
        }
        Ok(())
    }
}
