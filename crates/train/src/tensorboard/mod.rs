//! TensorBoard event files: scalars, histograms, images and texts of a run.
//!
//! ```
//! use train::tensorboard::EventWriter;
//! # let directory = tempfile::tempdir()?;
//! # let run = directory.path();
//! let mut events = EventWriter::create(run)?;
//! events.scalar("loss/train", 10, 0.25)?;
//! events.histogram("conv1.weight", 10, &[-0.1, 0.0, 0.2])?;
//! events.text("config", 0, "lr = 0.1")?;
//! events.flush()?;
//! assert!(events.path().file_name().unwrap().to_string_lossy().contains("tfevents"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `tensorboard --logdir DIRECTORY` shows every directory below it as a run.

mod buckets;
mod callback;
mod event;
mod record;
mod wire;

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::{Error, Result};
pub use callback::TensorBoard;
use event::Value;

/// Writes one event file. The last events may still be buffered: [`EventWriter::flush`], or dropping the writer, writes them to the
/// file.
#[doc(alias = "SummaryWriter")]
pub struct EventWriter {
    file: BufWriter<File>,
    path: PathBuf,
    /// Seconds since 1970.
    clock: Box<dyn FnMut() -> f64 + Send>,
}

impl EventWriter {
    /// A new event file in a directory, which is created if missing. A resumed run gets another file; TensorBoard reads all files of
    /// a directory in the order of their names.
    ///
    /// # Errors
    /// [`Error::Write`] when the directory or the file cannot be written.
    pub fn create(directory: impl AsRef<Path>) -> Result<EventWriter> {
        let since_1970 = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        EventWriter::with_clock(directory, move || since_1970().map_or(0.0, |d| d.as_secs_f64()))
    }

    /// As [`EventWriter::create`], with a clock that returns the seconds since 1970; it is read once for the file and once for each event.
    ///
    /// # Errors
    /// As [`EventWriter::create`].
    pub fn with_clock(
        directory: impl AsRef<Path>,
        mut clock: impl FnMut() -> f64 + Send + 'static,
    ) -> Result<EventWriter> {
        let directory = directory.as_ref();
        std::fs::create_dir_all(directory)
            .map_err(|source| Error::Write { path: directory.to_owned(), source })?;
        let now = clock();
        let (file, path) = fresh(directory, now as u64)?;
        let mut writer = EventWriter { file: BufWriter::new(file), path, clock: Box::new(clock) };
        writer.write(&event::version(now))?;
        Ok(writer)
    }

    /// The event file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A number at a step. Tags with the same prefix up to a `/` are shown together.
    ///
    /// # Errors
    /// [`Error::Write`]
    pub fn scalar(&mut self, tag: &str, step: u64, value: f32) -> Result<()> {
        self.event(tag, step, Value::Scalar(value))
    }

    /// A histogram of values in TensorFlow's buckets, whose limits grow by 10 % each. NaN and infinite values are left out; if no
    /// others remain, nothing is written.
    ///
    /// # Errors
    /// [`Error::Write`]
    pub fn histogram(&mut self, tag: &str, step: u64, values: &[f32]) -> Result<()> {
        match buckets::Histogram::of(values) {
            Some(histogram) => self.event(tag, step, Value::Histogram(&histogram)),
            None => Ok(()),
        }
    }

    /// A picture, as the bytes of a PNG file, with its width and height in pixels.
    ///
    /// # Errors
    /// [`Error::Write`]
    pub fn image(&mut self, tag: &str, step: u64, png: &[u8], width: u32, height: u32) -> Result<()> {
        self.event(tag, step, Value::Image { png, width, height })
    }

    /// A text, which TensorBoard renders as Markdown.
    ///
    /// # Errors
    /// [`Error::Write`]
    pub fn text(&mut self, tag: &str, step: u64, text: &str) -> Result<()> {
        self.event(tag, step, Value::Text(text))
    }

    /// Writes everything to the file, where a running TensorBoard reads it.
    ///
    /// # Errors
    /// [`Error::Write`]
    pub fn flush(&mut self) -> Result<()> {
        self.file.flush().map_err(|source| Error::Write { path: self.path.clone(), source })
    }

    fn event(&mut self, tag: &str, step: u64, value: Value) -> Result<()> {
        let bytes = event::summary((self.clock)(), step, tag, &value);
        self.write(&bytes)
    }

    fn write(&mut self, event: &[u8]) -> Result<()> {
        let framed = record::framed(event);
        self.file.write_all(&framed).map_err(|source| Error::Write { path: self.path.clone(), source })
    }
}

/// A new file whose name is unique among the runs of this second.
fn fresh(directory: &Path, second: u64) -> Result<(File, PathBuf)> {
    let mut count = 0;
    loop {
        // Padded to ten and six digits, so that names sort by creation.
        let path = directory.join(format!("events.out.tfevents.{second:010}.wgrad.{count:06}"));
        match File::create_new(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => count += 1,
            Err(source) => return Err(Error::Write { path, source }),
        }
    }
}
