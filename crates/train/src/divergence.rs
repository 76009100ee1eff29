//! Stopping when the loss is no number any more, and saying where it broke.

use autograd::{Tensor, first_non_finite};

use crate::{Error, Result};

/// Passes a finite loss. For another one it finds the first operation with a non-finite result: `again` repeats the
/// forward pass of that step. The optimizers leave parameters alone in a step whose loss is not finite, so that repeating
/// it shows the same fault.
///
/// # Errors
/// [`Error::Diverged`] for a NaN or infinite loss, [`Error::Device`] when the search fails.
pub fn check_finite(step: usize, loss: f32, again: impl FnOnce() -> Tensor) -> Result<()> {
    if loss.is_finite() {
        return Ok(());
    }
    let culprit = match first_non_finite(&again())? {
        Some(found) => found.to_string(),
        None => "repeating the step with the present parameters gives finite numbers".into(),
    };
    Err(Error::Diverged { step, loss, culprit })
}
