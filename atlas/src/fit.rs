//! The training loop of the studies.

use anyhow::Result;
use wgrad::models::{Optimize, Schedule};
use wgrad::prelude::*;
use wgrad::train::Late;

use crate::Lab;

impl Lab {
    /// Takes `steps` optimizer steps on the loss that `loss` returns for each, and returns the losses `[steps]`. They are read back two
    /// steps late, so that the device never waits.
    ///
    /// # Errors
    /// Those of `loss` and of the device, and a loss that is not finite.
    pub fn fit(
        &self,
        what: &str,
        steps: usize,
        opt: &mut dyn Optimize,
        rate: impl Schedule,
        mut loss: impl FnMut(usize) -> Result<Tensor>,
    ) -> Result<Vec<f64>> {
        let mut losses = Vec::with_capacity(steps);
        let mut late = Late::new(2);
        let mut counted = self.steps(what, steps);
        while let Some(step) = counted.next() {
            let value = loss(step)?;
            opt.step(value.backward(), rate.lr(step))?;
            let read = late.push(step, &value)?;
            keep(&mut losses, read)?;
            counted.show("loss", || losses.last().copied().unwrap_or(f64::NAN));
        }
        while let Some(read) = late.pop()? {
            keep(&mut losses, Some(read))?;
        }
        Ok(losses)
    }
}

fn keep(losses: &mut Vec<f64>, read: Option<(usize, Vec<f32>)>) -> Result<()> {
    if let Some((step, value)) = read {
        anyhow::ensure!(value[0].is_finite(), "the loss of step {step} is {}", value[0]);
        losses.push(value[0].into());
    }
    Ok(())
}
