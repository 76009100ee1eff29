//! The directory of a run's results.

use std::path::Path;

use crate::{Error, Result};

/// Creates a directory and checks that files can be written there, before anything is computed.
///
/// # Errors
/// [`Error::Output`]
pub fn prepare_output(directory: impl AsRef<Path>) -> Result<()> {
    let directory = directory.as_ref();
    let fault = |source| Error::Output { path: directory.into(), source };
    std::fs::create_dir_all(directory).map_err(fault)?;
    gpu_core::AtomicFile::create(directory.join("probe")).map(drop).map_err(fault)
}
