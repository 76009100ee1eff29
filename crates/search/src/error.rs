//! What can be wrong with a search: what happened, where, and what to do about it.

use std::io;
use std::path::PathBuf;

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What was wrong with a study, its space, its strategy or its files.
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

    /// A hyper-parameter's values make no sense.
    #[error("search space, {name}: {reason}")]
    Space {
        /// The hyper-parameter.
        name: String,
        /// What is wrong with its values.
        reason: String,
    },

    /// The numbers of a search strategy make no sense.
    #[error("search strategy: {reason}")]
    Strategy {
        /// What is wrong with its numbers.
        reason: String,
    },

    /// The parts of a study don't fit together.
    #[error("study: {reason}")]
    Study {
        /// What does not fit.
        reason: String,
    },

    /// A study cannot continue with a journal.
    #[error("cannot continue the journal {}, line {line}: {reason}", path.display())]
    Journal {
        /// The journal file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// Why the study cannot continue from there.
        reason: String,
    },
}
