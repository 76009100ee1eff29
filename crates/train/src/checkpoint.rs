//! Checkpoints: everything that is needed to resume a run bit for bit.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use autograd::Tensor;
use distributed::DiLoCo;
use models::{Average, LossScaler, Optimize, Params, WeightsFile};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A file's name before and after the number of steps.
const NAME: (&str, &str) = ("step-", ".safetensors");

/// The current version of [`Note`].
const VERSION: u32 = 1;

const OPTIMIZER: &str = "optimizer.";
const AVERAGE: &str = "average.";
const SCALER: &str = "scaler.";
const OUTER: &str = "outer.";

/// What a checkpoint consists of.
pub struct Parts<'a> {
    /// All parameters, buffers and the state of random numbers.
    pub params: &'a Params,
    /// Its state, as by [`Optimize::state`](models::Optimize::state).
    pub optimizer: &'a mut dyn Optimize,
    /// A moving average of the parameters, if the run has one.
    pub average: Option<&'a mut Average>,
    /// Its scale and counters, if the run trains with halves.
    pub scaler: Option<&'a mut LossScaler>,
    /// Its last common parameters and their momentum, if the run takes [local steps](crate::Trainer::local_steps).
    pub outer: Option<&'a mut DiLoCo>,
}

/// What a checkpoint stores in addition to its tensors.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    version: u32,
    steps: usize,
    /// State of the parameters' [`Generator`].
    generator: (u64, u64),
    average_updates: usize,
    /// Batches per epoch; with the steps it gives the position in the data.
    batches: usize,
}

/// Checkpoints of a run in a directory: safetensors files with a checksum. The model's weights have their own names, so that a
/// checkpoint can also be [loaded](Params::load) as weights. A background thread writes each checkpoint to a temporary file, flushes
/// it to the disk and renames it; only the newest ones are kept.
///
/// ```
/// use autograd::Device;
/// use models::{Adam, Init, Params};
/// use train::{Checkpoints, Parts};
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path();
/// let run = |steps: usize, resume: bool| -> Result<f32, Box<dyn std::error::Error>> {
///     let params = Params::new(&Device::named("cpu")?, 0);
///     let (theta, mut opt) = (params.param("theta", &[], Init::ONES), Adam::new(&params));
///     let mut checkpoints = Checkpoints::new(directory.join("checkpoints"))?;
///     let mut parts = Parts { params: &params, optimizer: &mut opt, average: None, scaler: None, outer: None };
///     let done = if resume { checkpoints.resume(&mut parts, 10)?.unwrap_or(0) } else { 0 };
///     for _ in done..steps {
///         opt.step(theta.value().square().backward(), 0.1)?;
///     }
///     checkpoints.save(&Parts { params: &params, optimizer: &mut opt, average: None, scaler: None, outer: None }, 10)?;
///     checkpoints.finish()?;
///     Ok(theta.value().item()?)
/// };
/// run(3, false)?;
/// assert_eq!(run(5, true)?, run(5, false)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "ModelCheckpoint")]
pub struct Checkpoints {
    directory: PathBuf,
    keep: usize,
    writer: Option<JoinHandle<Result<()>>>,
}

impl Checkpoints {
    /// Checkpoints in a directory, which is created if missing. The newest two are kept.
    ///
    /// # Errors
    /// [`Error::Output`] when the directory can't be made or written.
    pub fn new(directory: impl Into<PathBuf>) -> Result<Checkpoints> {
        let directory = directory.into();
        crate::prepare_output(&directory)?;
        // Temporary files of a process that was killed while writing.
        let unfinished = entries(&directory).filter(|path| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(".tmp"))
        });
        unfinished.for_each(|path| drop(std::fs::remove_file(path)));
        Ok(Checkpoints { directory, keep: 2, writer: None })
    }

    /// Keeps the newest `keep` checkpoints, at least one.
    pub fn keep(mut self, keep: usize) -> Checkpoints {
        self.keep = keep.max(1);
        self
    }

    /// Starts writing a checkpoint of the state after the optimizer's last step; `batches` is the number of batches per epoch. Waits
    /// until the previous checkpoint is on the disk.
    ///
    /// # Errors
    /// [`Error::Models`] when the previous one could not be written, or the device fails.
    pub fn save(&mut self, parts: &Parts, batches: usize) -> Result<()> {
        self.finish()?;
        let named = |prefix: &'static str, state: Vec<(String, Tensor)>| {
            state.into_iter().map(move |(name, t)| (format!("{prefix}{name}"), t))
        };
        let mut others: Vec<(String, Tensor)> = named(OPTIMIZER, parts.optimizer.state()).collect();
        others.extend(parts.average.iter().flat_map(|average| named(AVERAGE, average.state())));
        others.extend(parts.scaler.iter().flat_map(|scaler| named(SCALER, scaler.state())));
        if let Some(outer) = &parts.outer {
            others.extend(named(OUTER, outer.state()?));
        }
        let note = Note {
            version: VERSION,
            steps: parts.optimizer.steps(),
            generator: parts.params.generator().state(),
            average_updates: parts.average.as_ref().map_or(0, |average| average.updates()),
            batches,
        };
        let note_text = serde_json::to_string(&note).expect("numbers only");
        let snapshot = parts.params.snapshot(&others)?;
        let (directory, keep) = (self.directory.clone(), self.keep);
        self.writer = Some(std::thread::spawn(move || {
            snapshot.write(path_of(&directory, note.steps), &note_text)?;
            // A file that can't be deleted does no harm.
            let old = list(&directory).into_iter().rev().skip(keep);
            old.for_each(|(_, path)| drop(std::fs::remove_file(path)));
            Ok(())
        }));
        Ok(())
    }

    /// Waits until the last checkpoint is on the disk.
    ///
    /// # Errors
    /// [`Error::Models`] when it could not be written.
    ///
    /// # Panics
    /// When the writing thread panicked.
    pub fn finish(&mut self) -> Result<()> {
        match self.writer.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(written)) => written,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }

    /// Steps and paths of the existing checkpoints, the newest last.
    pub fn list(&self) -> Vec<(usize, PathBuf)> {
        list(&self.directory)
    }

    /// Restores everything from the newest checkpoint, and returns its number of steps; `None` if there is none. A damaged file is
    /// skipped in favour of the one before.
    ///
    /// # Errors
    /// [`Error::Models`] when none can be read or the model differs, [`Error::Checkpoint`] when the run or version differs.
    pub fn resume(&mut self, parts: &mut Parts, batches: usize) -> Result<Option<usize>> {
        self.finish()?;
        let mut damage = None;
        for (_, path) in self.list().into_iter().rev() {
            match WeightsFile::open(&path, parts.params) {
                Ok(file) => return restore(&path, &file, parts, batches).map(Some),
                Err(fault) => damage = damage.or(Some(fault)),
            }
        }
        damage.map_or(Ok(None), |fault| Err(fault.into()))
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        // Errors are reported by `finish`.
        let _ = self.writer.take().map(JoinHandle::join);
    }
}

pub(crate) fn path_of(directory: &Path, steps: usize) -> PathBuf {
    directory.join(format!("{}{steps:08}{}", NAME.0, NAME.1))
}

fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path())
}

pub(crate) fn list(directory: &Path) -> Vec<(usize, PathBuf)> {
    let steps = |path: &Path| -> Option<usize> {
        path.file_name()?.to_str()?.strip_prefix(NAME.0)?.strip_suffix(NAME.1)?.parse().ok()
    };
    let mut found: Vec<_> = entries(directory).filter_map(|path| Some((steps(&path)?, path))).collect();
    found.sort();
    found
}

fn restore(path: &Path, file: &WeightsFile, parts: &mut Parts, batches: usize) -> Result<usize> {
    let fault = |reason: String| Error::Checkpoint { path: path.into(), reason };
    let note: Note = serde_json::from_str(file.note())
        .map_err(|_| fault("it has weights, but nothing of a run; load it as weights".into()))?;
    if note.version != VERSION {
        return Err(fault(format!(
            "it is of version {}, this program reads version {VERSION}",
            note.version
        )));
    }
    if note.batches != batches {
        return Err(fault(format!(
            "its run had {} batches an epoch, the data now has {batches}; use the same data and batch size",
            note.batches
        )));
    }
    let others = parts.params.load_from(file)?;
    let of = |prefix: &str| -> Vec<(String, Tensor)> {
        let own = |(name, t): &(String, Tensor)| Some((name.strip_prefix(prefix)?.to_owned(), t.clone()));
        others.iter().filter_map(own).collect()
    };
    parts.optimizer.resume(note.steps, &of(OPTIMIZER))?;
    if let Some(average) = &mut parts.average {
        average.resume(note.average_updates, &of(AVERAGE))?;
    }
    if let Some(scaler) = &mut parts.scaler {
        scaler.resume(&of(SCALER))?;
    }
    if let Some(outer) = &mut parts.outer {
        outer.resume(&of(OUTER))?;
    }
    parts.params.generator().set_state(note.generator);
    Ok(note.steps)
}
