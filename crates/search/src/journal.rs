//! The journal of a study, an event a line, from which an interrupted study continues.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use train::Goal;

use crate::{Error, Result};
use crate::{Outcome, Space, Strategy, Trial};

/// What trials depend on: a study continues a journal only if these agree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub search: Space,
    pub strategy: Strategy,
    pub seed: u64,
    pub objective: String,
    pub goal: Goal,
}

impl Identity {
    /// How a study differs from the recorded one, if it does.
    fn difference(&self, recorded: &Identity) -> Option<String> {
        let differ = |what: &str, ours: String, theirs: String| {
            (ours != theirs).then(|| format!("it is of another {what}, {theirs} and not {ours}"))
        };
        differ("search space", json(&self.search), json(&recorded.search))
            .or_else(|| differ("seed", json(&self.seed), json(&recorded.seed)))
            .or_else(|| differ("objective", json(&self.objective), json(&recorded.objective)))
            .or_else(|| differ("goal", json(&self.goal), json(&recorded.goal)))
            .or_else(|| {
                let other = !self.strategy.continues(&recorded.strategy);
                other.then(|| differ("strategy", json(&self.strategy), json(&recorded.strategy)))?
            })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event {
    /// The first line.
    Study { version: u32, study: Box<Identity> },
    /// A trial was started, for the first time.
    Started { trial: Trial },
    /// A trial ended.
    Ended { number: usize, outcome: Outcome },
}

const VERSION: u32 = 1;

/// The largest journal that is read, in bytes: about a million trials.
const MOST_BYTES: u64 = 1 << 30;

/// A journal that is open for appending, locked by this process.
pub(super) struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Opens or creates the journal of a study; also returns the trials so far.
    ///
    /// # Errors
    /// [`Error::Write`], or [`Error::Journal`] if it belongs to another study, is in use by another process, or a complete line
    /// is invalid.
    pub fn open(path: &Path, identity: &Identity) -> Result<(Journal, Vec<Trial>)> {
        let refused = |source| Error::Write { path: path.into(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(refused)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                fault(path, 0, "another process goes on with this study right now".into())
            }
            TryLockError::Error(source) => refused(source),
        })?;
        let text = whole_lines(&mut file, path)?;
        // Discards an incomplete last line.
        file.set_len(text.len() as u64).map_err(refused)?;
        file.seek(SeekFrom::End(0)).map_err(refused)?;
        let mut journal = Journal { file, path: path.into() };
        let trials = if text.is_empty() {
            journal.append(&Event::Study { version: VERSION, study: Box::new(identity.clone()) })?;
            sync_directory(path);
            vec![]
        } else {
            let (recorded, trials) = parse(&text, path)?;
            if let Some(difference) = identity.difference(&recorded) {
                let reason = format!("{difference}; use another directory");
                return Err(fault(path, 1, reason));
            }
            trials
        };
        Ok((journal, trials))
    }

    /// The study of a journal and its trials, read without locking it.
    ///
    /// # Errors
    /// [`Error::Journal`]
    pub fn read(path: &Path) -> Result<(Identity, Vec<Trial>)> {
        let mut file = File::open(path).map_err(|e| fault(path, 0, e.to_string()))?;
        parse(&whole_lines(&mut file, path)?, path)
    }

    pub fn started(&mut self, trial: &Trial) -> Result<()> {
        self.append(&Event::Started { trial: trial.clone() })
    }

    pub fn ended(&mut self, number: usize, outcome: &Outcome) -> Result<()> {
        self.append(&Event::Ended { number, outcome: outcome.clone() })
    }

    /// Appends one line, which is on the disk when this returns.
    fn append(&mut self, event: &Event) -> Result<()> {
        let line = json(event) + "\n";
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|source| Error::Write { path: self.path.clone(), source })
    }
}

/// Unlocks explicitly: closing is not enough while a program that another thread is about to start has the file open, too.
impl Drop for Journal {
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

fn fault(path: &Path, line: usize, reason: String) -> Error {
    Error::Journal { path: path.into(), line, reason }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("names and finite numbers")
}

/// All complete lines.
fn whole_lines(file: &mut File, path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    let length = file.metadata().map_err(|e| fault(path, 0, e.to_string()))?.len();
    if length > MOST_BYTES {
        return Err(fault(path, 0, format!("{length} bytes are more than a journal has")));
    }
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(|e| fault(path, 0, e.to_string()))?;
    bytes.truncate(bytes.iter().rposition(|&b| b == b'\n').map_or(0, |last| last + 1));
    String::from_utf8(bytes).map_err(|e| fault(path, 0, e.to_string()))
}

fn parse(text: &str, path: &Path) -> Result<(Identity, Vec<Trial>)> {
    let mut lines = text.lines().enumerate();
    let event = |(i, line): (usize, &str)| {
        let event: serde_json::Result<Event> = serde_json::from_str(line);
        event.map(|event| (i + 1, event)).map_err(|e| fault(path, i + 1, e.to_string()))
    };
    let identity = match lines.next().map(event).transpose()? {
        Some((_, Event::Study { version: VERSION, study })) => *study,
        Some((line, Event::Study { version, .. })) => {
            return Err(fault(path, line, format!("version {version} is not known, only {VERSION}")));
        }
        _ => return Err(fault(path, 1, "it does not begin with a study".into())),
    };
    let mut trials: Vec<Trial> = vec![];
    for event in lines.map(event) {
        let (line, event) = event?;
        let fits = match event {
            Event::Started { trial } => {
                let fits =
                    trial.number == trials.len() && !trial.ended() && identity.search.contains(&trial.values);
                trials.push(trial);
                fits
            }
            Event::Ended { number, outcome } => match trials.get_mut(number) {
                Some(trial) => trial.outcome.replace(outcome).is_none(),
                None => false,
            },
            Event::Study { .. } => false,
        };
        if !fits {
            return Err(fault(path, line, "the event does not follow from those before".into()));
        }
    }
    Ok((identity, trials))
}

/// Makes the file's name durable, too, if directories can be synced.
fn sync_directory(path: &Path) {
    let _ = path.parent().and_then(|parent| File::open(parent).ok()).map(|directory| directory.sync_all());
}
