//! Gradients of several batches for one optimizer step.

use crate::{Gradients, Result, Transaction};

/// Sums gradients over several batches, so that one optimizer step can cover more examples than fit into memory at once.
///
/// ```
/// # use autograd::{Accumulator, Device, Tensor};
/// let w = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 2.0], &[2])?.variable();
/// let mut sum = Accumulator::default();
/// for scale in [1.0f32, 3.0] {
///     let loss = (&w * scale).square().sum_all() / 2.0; // two batches: half of the mean each
///     sum.add(loss.backward())?;
/// }
/// let gradients = sum.take(); // for an optimizer's step
/// assert_eq!(gradients.get(&w).unwrap().to_vec::<f32>()?, [10.0, 20.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias = "gradient_accumulation")]
#[derive(Default)]
pub struct Accumulator {
    sum: Option<Gradients>,
}

impl Accumulator {
    /// Adds the gradients of one loss: computes them with the loss and its outputs, and frees the loss's graph.
    ///
    /// # Errors
    /// Whatever goes wrong on the device; the sums are unchanged then.
    #[track_caller]
    pub fn add(&mut self, gradients: Gradients) -> Result<()> {
        let mut step = Transaction::default();
        if let Some(loss) = gradients.root() {
            step = step.loss(loss);
        }
        let sum = gradients.added_to(self.sum.as_ref());
        sum.all().fold(step, Transaction::output).hold_updates().run()?;
        self.sum = Some(sum);
        Ok(())
    }

    /// Returns the sums of the gradients and of the losses so far, and starts again from zero.
    ///
    /// # Panics
    /// When nothing was added.
    #[track_caller]
    pub fn take(&mut self) -> Gradients {
        self.sum.take().expect("Accumulator::take: no gradients were added")
    }
}
