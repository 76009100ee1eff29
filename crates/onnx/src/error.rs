//! Errors of reading, writing and running ONNX files.

use std::path::PathBuf;

/// What went wrong with an ONNX file. Each message says what, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to read or write a file.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried, as in `read`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The file is not a valid ONNX model.
    #[error("{} is not a valid ONNX model: {reason}. Export it again, and check it with onnx.checker", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A node of the file cannot be imported.
    #[error("node \"{node}\": {op} of opset {opset}: {reason}")]
    Node {
        /// Name of the node, or of its first output.
        node: String,
        /// The operator, with its domain if that is not ONNX's.
        op: String,
        /// The version of the operator set that the file asks for.
        opset: i64,
        /// What is not supported, or does not fit.
        reason: String,
    },
    /// A recorded operation cannot be exported.
    #[error("cannot export {op}, recorded at {location}: {reason}")]
    Export {
        /// The operation.
        op: String,
        /// Where it was recorded.
        location: String,
        /// Why.
        reason: String,
    },
    /// The inputs given are not those of the model.
    #[error("inputs of the model: {reason}")]
    Input {
        /// What does not fit.
        reason: String,
    },
    /// An error of a device, such as out of memory.
    #[error(transparent)]
    Device(#[from] autograd::Error),
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
