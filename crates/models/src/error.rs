//! Errors of the model layer, mostly about files of weights.

use std::path::PathBuf;

/// An error of the model layer. Each message says what failed, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused to read or write a file.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried, as in `read`.
        doing: &'static str,
        /// The file that was to be read or written.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The file's header or contents are not those of a file of weights.
    #[error("{} is not a valid file of weights: {reason}. Get a fresh copy, or save it again", path.display())]
    Format {
        /// The file that was opened.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The model has a parameter or buffer that the file lacks.
    #[error("{} has no tensor \"{name}\" of shape {shape:?}; it holds weights of another model", path.display())]
    Missing {
        /// The file of weights.
        path: PathBuf,
        /// The parameter's name.
        name: String,
        /// The parameter's shape.
        shape: Vec<usize>,
    },
    /// The file has a tensor that the model lacks.
    #[error("{} has a tensor \"{name}\" that the model lacks; it holds weights of another model", path.display())]
    Unexpected {
        /// The file of weights.
        path: PathBuf,
        /// The tensor's name.
        name: String,
    },
    /// Type or shape of a tensor differ from the model's.
    #[error("\"{name}\" in {} has {got}, the model has {want}; it holds weights of another model", path.display())]
    Mismatch {
        /// The file of weights.
        path: PathBuf,
        /// The tensor's name.
        name: String,
        /// The file's type, shape, or both.
        got: String,
        /// The model's.
        want: String,
    },
    /// A tensor of f64 has a finite number that would be infinite in f32.
    #[error("\"{name}\" in {} has numbers beyond the range of f32, which the model computes with; scale them down", path.display())]
    Range {
        /// The file of weights.
        path: PathBuf,
        /// The tensor's name.
        name: String,
    },
    /// A description of a model, such as `config.json`, is not one that can be used.
    #[error("cannot use {}: {reason}", path.display())]
    Config {
        /// The file of the description.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A layer reads numbers that are not finite, which int8 codes can't represent.
    #[error(
        "layer {layer} reads numbers that are not finite in calibration; check the weights and the calibration batches"
    )]
    Calibration {
        /// The number of the layer, in the order in which the network computes them.
        layer: usize,
    },
    /// A checkpoint lacks a tensor of the state of an optimizer, average or loss scaler.
    #[error(
        "no state \"{name}\" of shape {shape:?} for the optimizer; the checkpoint is of another model, optimizer or average"
    )]
    OptimizerState {
        /// The name of the state.
        name: String,
        /// The shape that is expected.
        shape: Vec<usize>,
    },
    /// An error of a device, such as out of memory.
    #[error(transparent)]
    Device(#[from] autograd::Error),
}

/// A result of the model layer.
pub type Result<T> = std::result::Result<T, Error>;
