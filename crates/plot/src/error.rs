//! What can be wrong with a picture: what happened, where, and what to do about it.

use std::io;
use std::path::PathBuf;

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What was wrong with a picture or its file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused to write a file.
    #[error("cannot write {}: {source}; choose a directory that exists and can be written", path.display())]
    Write { path: PathBuf, source: io::Error },

    /// A picture cannot be encoded.
    #[error("cannot draw {what}: {reason}")]
    Draw { what: &'static str, reason: String },

    /// An image's pixels do not fit its size.
    #[error(
        "image {index} ({label:?}) has {found} bytes for {height}x{width} pixels; \
         give {height} * {width} bytes for grey or three times as many for RGB, and at least one pixel"
    )]
    ImageSize { index: usize, label: String, found: usize, height: usize, width: usize },

    /// A picture would be larger than what is drawn in memory.
    #[error(
        "a picture of {width}x{height} pixels is over the limit of {side} pixels a side and {pixels} in all; \
         show fewer or smaller parts"
    )]
    PictureSize { width: usize, height: usize, side: usize, pixels: usize },
}
