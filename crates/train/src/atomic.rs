//! Files that are there whole, or as they were before.

use std::io::Write;
use std::path::Path;

use tempfile::Builder;

use crate::{Error, Result};

/// Writes a file through a temporary one beside it.
///
/// # Errors
/// [`Error::Write`]
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let refused = |source| Error::Write { path: path.to_owned(), source };
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = builder().tempfile_in(directory).map_err(refused)?;
    file.write_all(bytes).map_err(refused)?;
    file.as_file().sync_all().map_err(refused)?;
    file.persist(path).map_err(|error| refused(error.error))?;
    Ok(())
}

/// Temporary files are their owner's alone; a result may be read like any other new file.
#[cfg(unix)]
fn builder() -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

#[cfg(not(unix))]
fn builder() -> Builder<'static, 'static> {
    Builder::new()
}
