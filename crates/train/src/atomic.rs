//! Files that are there whole, or as they were before.

use std::path::Path;

use crate::{Error, Result};

/// Writes a file through a temporary one beside it.
///
/// # Errors
/// [`Error::Write`]
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let refused = |source| Error::Write { path: path.to_owned(), source };
    gpu_core::write_atomically(path, bytes).map_err(refused)
}
