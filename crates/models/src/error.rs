//! Errors of the model layer, mostly about files of weights.

use std::path::PathBuf;

/// An error of the model layer. Each message says what failed, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {doing} {}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{} is not a valid safetensors file: {reason}. Get a fresh copy, or save it again", path.display())]
    Format { path: PathBuf, reason: String },
    #[error("{} has no tensor \"{name}\" of shape {shape:?}; it holds weights of another model", path.display())]
    Missing { path: PathBuf, name: String, shape: Vec<usize> },
    #[error("{} has a tensor \"{name}\" that the model lacks; it holds weights of another model", path.display())]
    Unexpected { path: PathBuf, name: String },
    #[error("\"{name}\" in {} has {got}, the model has {want}; it holds weights of another model", path.display())]
    Mismatch { path: PathBuf, name: String, got: String, want: String },
    #[error(
        "no state \"{name}\" of shape {shape:?} for the optimizer; the checkpoint is of another model, optimizer or average"
    )]
    OptimizerState { name: String, shape: Vec<usize> },
    #[error(transparent)]
    Device(#[from] autograd::Error),
}

/// A result of the model layer.
pub type Result<T> = std::result::Result<T, Error>;
