//! Files that are replaced atomically: completely or not at all.

use std::fs::{File, remove_file, rename};
use std::io::{ErrorKind, Result, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Writes a file by [`AtomicFile`].
///
/// # Errors
/// Errors of the operating system.
pub fn write_atomically(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)?;
    file.commit()
}

/// A temporary file that replaces the file at `path` on commit: even after a crash, that file has either its old or its new contents.
/// Dropped without [`commit`](AtomicFile::commit), the temporary file is removed.
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
    committed: bool,
}

impl AtomicFile {
    /// Makes the temporary file.
    ///
    /// # Errors
    /// Errors of the operating system.
    pub fn create(path: impl AsRef<Path>) -> Result<AtomicFile> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let path = path.as_ref().to_path_buf();
        loop {
            let name = format!(".wgrad-{}-{}.tmp", process::id(), COUNT.fetch_add(1, Relaxed));
            let temporary = path.with_file_name(name);
            match File::create_new(&temporary) {
                Ok(file) => return Ok(AtomicFile { path, temporary, file, committed: false }),
                // Left by a killed process with the same process ID.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Flushes the temporary file to the disk and renames it.
    ///
    /// # Errors
    /// Errors of the operating system.
    pub fn commit(mut self) -> Result<()> {
        self.file.sync_all()?;
        rename(&self.temporary, &self.path)?;
        self.committed = true;
        // The rename itself survives a power cut only once the directory is on the disk.
        #[cfg(unix)]
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all()?,
            _ => File::open(".")?.sync_all()?,
        }
        Ok(())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        self.file.flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.committed {
            // There is nothing else to do about a file that cannot be removed.
            let _ = remove_file(&self.temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_is_replaced_whole_or_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        write_atomically(&path, b"one").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        drop(file);
        assert_eq!(
            (names(directory.path()), std::fs::read(&path).unwrap()),
            (vec!["log".into()], b"one".into())
        );
        write_atomically(&path, b"three").unwrap();
        assert_eq!(
            (names(directory.path()), std::fs::read(&path).unwrap()),
            (vec!["log".into()], b"three".into())
        );
        assert!(write_atomically(directory.path().join("missing/log"), b"").is_err());
    }
}
