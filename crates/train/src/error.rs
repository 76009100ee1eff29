//! Errors around a training loop: what happened, where, and what to do about it.

use std::io;
use std::path::PathBuf;

/// The crate's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to write a file.
    #[error("cannot write {}: {source}; choose a directory that exists and can be written", path.display())]
    Write {
        /// The file that was to be written.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },

    /// The directory for results cannot be made or written.
    #[error("cannot write to {}: {source}; choose another directory", path.display())]
    Output {
        /// The directory.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },

    /// The log of an earlier run cannot be continued.
    #[error("cannot continue the log {}, line {line}: {reason}; start afresh in another directory", path.display())]
    Log {
        /// The log file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// What is wrong with the line.
        reason: String,
    },

    /// The loss became NaN or infinite.
    #[error("the loss is {loss} at step {step}: {culprit}. Use a lower learning rate, or check the data")]
    Diverged {
        /// Steps done before.
        step: usize,
        /// The loss of the step.
        loss: f32,
        /// The first result that is not finite, or that repeating the step gives finite numbers.
        culprit: String,
    },

    /// Other processes of a run failed, or differ.
    #[error(transparent)]
    Distributed(distributed::Error),

    /// Labels or predictions of a metric are outside of the classes.
    #[error(
        "{outside} labels or predictions are outside of 0..{classes}; count more classes, or ignore the label that means none"
    )]
    NoClass {
        /// How many there are.
        outside: u64,
        /// Classes of the metric.
        classes: usize,
    },

    /// A file is not a checkpoint, or belongs to another run.
    #[error("cannot resume from {}: {reason}", path.display())]
    Checkpoint {
        /// The checkpoint.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },

    /// A directory has no readable run.
    #[error("no run in {}: {reason}; start afresh, or give the directory of a run", path.display())]
    NoRun {
        /// The file of the run.
        path: PathBuf,
        /// Why it cannot be read.
        reason: String,
    },

    /// A version of a model does not exist, or the list of versions is damaged.
    #[error("models in {}: {reason}", path.display())]
    Registry {
        /// The registry's directory.
        path: PathBuf,
        /// What is missing or damaged.
        reason: String,
    },

    /// There is no checkpoint to resume from.
    #[error("{} has no checkpoint to go on from; start afresh", path.display())]
    NoCheckpoint {
        /// The run's directory.
        path: PathBuf,
    },

    /// The options of the training do not fit each other or the data.
    #[error("cannot train: {0}")]
    Training(String),

    /// The evaluation doesn't return the requested figure.
    #[error("there is no figure \"{name}\"; the evaluation gives {known:?}")]
    NoFigure {
        /// The figure asked for.
        name: String,
        /// Names of the evaluation's figures.
        known: Vec<String>,
    },

    /// The handler of Ctrl-C cannot be installed.
    #[cfg(not(target_arch = "wasm32"))]
    #[error("cannot notice Ctrl-C: {0}")]
    Signal(#[from] ctrlc::Error),

    /// An error of `models`, such as weights that do not fit.
    #[error(transparent)]
    Models(#[from] models::Error),

    /// An error of `data`, such as a file that cannot be decoded.
    #[error(transparent)]
    Data(#[from] data::Error),

    /// The terminal cannot show a dashboard.
    #[error("no dashboard on this terminal: {source}; train without it, or in a terminal of your own")]
    Terminal {
        /// The terminal's error.
        source: io::Error,
    },

    /// An error of `plot`, such as a picture that cannot be written.
    #[cfg(feature = "plots")]
    #[error(transparent)]
    Plot(#[from] plot::Error),

    /// An error of a device, such as out of memory.
    #[error(transparent)]
    Device(#[from] autograd::Error),

    /// Any other error of a task.
    #[error(transparent)]
    Task(Box<dyn std::error::Error + Send + Sync>),
}

impl From<distributed::Error> for Error {
    fn from(error: distributed::Error) -> Error {
        match error {
            distributed::Error::Device(error) => Error::Device(error),
            error => Error::Distributed(error),
        }
    }
}
