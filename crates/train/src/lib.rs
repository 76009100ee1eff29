//! Metrics, logs, checks, progress and plots around a training loop.

mod atomic;
mod classify;
#[cfg(feature = "tui")]
pub mod dashboard;
mod divergence;
mod error;
mod history;
mod late;
pub mod metrics;
mod output;
pub mod plot;
mod progress;
pub mod report;
pub mod tensorboard;

pub use classify::{Classified, classify};
pub use divergence::check_finite;
pub use error::{Error, Result};
pub use history::History;
pub use late::Late;
pub use output::prepare_output;
pub use progress::Progress;
