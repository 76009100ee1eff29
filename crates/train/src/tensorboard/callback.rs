//! A run in TensorBoard.

use super::EventWriter;
use crate::{Callback, Flow, History, Moment, Result, Run};

/// Writes what a trainer measures to event files in a run's directory: every column as `train/NAME`, every figure under its own name,
/// the norms of gradients under `gradient norms/NAME`.
#[doc(alias = "TensorBoardLogger")]
pub struct TensorBoard {
    writer: EventWriter,
    /// The number of details of the history that are already written.
    details: usize,
}

impl TensorBoard {
    /// Starts an event file in the directory of a run, for `tensorboard --logdir runs`.
    ///
    /// # Errors
    /// [`Error::Write`](crate::Error::Write) when they can't be written.
    pub fn new(run: &Run) -> Result<TensorBoard> {
        Ok(TensorBoard { writer: EventWriter::create(run.path())?, details: 0 })
    }

    fn details(&mut self, history: &History) -> Result<()> {
        for detail in &history.details()[self.details..] {
            for (name, value) in &detail.parts {
                let tag = format!("{}/{name}", detail.name);
                self.writer.scalar(&tag, detail.steps as u64, *value as f32)?;
            }
        }
        self.details = history.details().len();
        Ok(())
    }
}

impl Callback for TensorBoard {
    fn prints_or_writes(&self) -> bool {
        true
    }

    fn on_start(&mut self, moment: &Moment) -> Result<()> {
        // Earlier details are in the event file of the process that measured them.
        self.details = moment.history.details().len();
        Ok(())
    }

    fn on_step(&mut self, moment: &Moment) -> Result<Flow> {
        let step = moment.history.len().saturating_sub(1) as u64;
        for (name, value) in moment.history.latest() {
            self.writer.scalar(&format!("train/{name}"), step, value)?;
        }
        Ok(Flow::Continue)
    }

    fn on_evaluation(&mut self, moment: &Moment, figures: &[(&str, f64)]) -> Result<Flow> {
        for (name, value) in figures {
            self.writer.scalar(name, moment.steps as u64, *value as f32)?;
        }
        self.details(moment.history)?;
        self.writer.flush()?;
        Ok(Flow::Continue)
    }

    fn on_end(&mut self, _: &Moment, _: &str) -> Result<()> {
        self.writer.flush()
    }
}
