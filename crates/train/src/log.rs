//! Files written line by line.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use crate::{Error, Result};

/// A file that grows by whole lines, each of them in one write.
pub(crate) struct Log {
    path: PathBuf,
    file: Option<File>,
}

impl Log {
    /// A file that contains `text`; an existing one is replaced atomically.
    pub fn create(path: PathBuf, text: String) -> Result<Log> {
        crate::atomic::write(&path, text.as_bytes())?;
        let opened = OpenOptions::new().append(true).open(&path);
        let file = opened.map_err(|source| Error::Write { path: path.clone(), source })?;
        Ok(Log { path, file: Some(file) })
    }

    /// A log that is only read: it has no open file.
    pub fn closed(path: PathBuf) -> Log {
        Log { path, file: None }
    }

    /// Appends a line.
    pub fn line(&mut self, text: &str) -> Result<()> {
        let Some(file) = &mut self.file else {
            let source = std::io::Error::other("the log was opened to be read");
            return Err(Error::Write { path: self.path.clone(), source });
        };
        let written = file.write_all(format!("{text}\n").as_bytes());
        written.map_err(|source| Error::Write { path: self.path.clone(), source })
    }
}
