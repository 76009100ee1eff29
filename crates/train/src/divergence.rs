//! Stopping when the loss is not finite, and finding the operation that caused it.

use autograd::{Tensor, first_non_finite};

use crate::{Error, Result};

/// What is said where no operation is found.
pub(crate) const FINITE: &str = "repeating the step with the present parameters gives finite numbers";

/// Checks that a loss is finite. If not, it repeats the step's forward pass with `again` and finds the first operation with a
/// non-finite result. Optimizers do not change parameters in a step whose loss is not finite, so that repeating the step shows
/// the same fault.
///
/// # Errors
/// [`Error::Diverged`] for a NaN or infinite loss, [`Error::Device`] when the search fails.
#[doc(alias = "detect_anomaly")]
pub fn check_finite(step: usize, loss: f32, again: impl FnOnce() -> Tensor) -> Result<()> {
    if loss.is_finite() {
        return Ok(());
    }
    let culprit = match first_non_finite(&again())? {
        Some(found) => found.to_string(),
        None => FINITE.into(),
    };
    Err(Error::Diverged { step, loss, culprit })
}
