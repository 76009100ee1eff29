//! Training: the [`Trainer`], logs, checkpoints, metrics, checks, progress and plots.

#![warn(missing_docs)]

mod atomic;
mod best;
mod callback;
mod checkpoint;
mod classify;
mod console;
#[cfg(feature = "tui")]
pub mod dashboard;
mod divergence;
mod early_stopping;
mod error;
mod history;
mod interrupt;
mod late;
mod log;
mod lr_range;
pub mod metrics;
mod output;
#[cfg(feature = "plots")]
mod plot_answers;
mod progress;
mod registry;
#[cfg(feature = "plots")]
pub mod report;
mod run;
#[cfg(feature = "tensorboard")]
pub mod tensorboard;
mod trainer;

pub use best::{Best, Goal};
pub use callback::{Callback, Flow, Moment};
pub use checkpoint::{Checkpoints, Parts};
pub use classify::{Classified, classify};
pub use console::Console;
pub use divergence::check_finite;
pub use early_stopping::EarlyStopping;
pub use error::{Error, Result};
pub use history::{Detail, Evaluation, History};
pub use interrupt::Interrupt;
pub use late::Late;
pub use lr_range::{LrRange, lr_range_test};
pub use output::prepare_output;
#[cfg(feature = "plots")]
pub use plot;
#[cfg(feature = "plots")]
pub use plot_answers::plot_answers;
pub use progress::Progress;
pub use registry::Registry;
pub use run::Run;
pub use trainer::{Clip, Ended, LocalSteps, Rate, StepOutput, Task, Trainer};
