//! Atomic file writes: a file has its old content or all of its new one.

use std::path::Path;

use crate::{Error, Result};

/// Writes a file by renaming a temporary one in the same directory.
///
/// # Errors
/// [`Error::Write`]
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let refused = |source| Error::Write { path: path.to_owned(), source };
    gpu_core::write_atomically(path, bytes).map_err(refused)
}
