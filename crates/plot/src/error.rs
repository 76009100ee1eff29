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
    Write {
        /// The file that was to be written.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },

    /// A picture cannot be encoded.
    #[error("cannot draw {what}: {reason}")]
    Draw {
        /// What was to be drawn or encoded, as in `a PNG`.
        what: &'static str,
        /// The encoder's message.
        reason: String,
    },

    /// An image's pixels do not fit its size.
    #[error(
        "image {index} ({label:?}) has {found} bytes for {height}x{width} pixels; \
         give {height} * {width} bytes for grey or three times as many for RGB, and at least one pixel"
    )]
    ImageSize {
        /// Position among the images, from 0.
        index: usize,
        /// The image's caption.
        label: String,
        /// Bytes that were given.
        found: usize,
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
    },

    /// A picture would be larger than what is drawn in memory.
    #[error(
        "a picture of {width}x{height} pixels is over the limit of {side} pixels a side and {pixels} in all; \
         show fewer or smaller parts"
    )]
    PictureSize {
        /// Width that was asked for, in pixels.
        width: usize,
        /// Height that was asked for, in pixels.
        height: usize,
        /// Most pixels along each side.
        side: usize,
        /// Most pixels in all.
        pixels: usize,
    },
}
