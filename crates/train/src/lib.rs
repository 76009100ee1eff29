//! Metrics, checks and plots around a training loop.

mod divergence;
mod error;
mod late;
pub mod plot;

pub use divergence::check_finite;
pub use error::{Error, Result};
pub use late::Late;
