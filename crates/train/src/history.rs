//! What a run measured: at every step, and now and then.

use std::fs::File;
use std::io::{LineWriter, Write};
use std::path::{Path, PathBuf};

use crate::plot::Series;
use crate::{Error, Result};

const STEPS: &str = "steps.csv";
const EVALUATIONS: &str = "evaluations.csv";

/// Numbers of a training run, also written to `steps.csv` (a row for each step) and `evaluations.csv` (steps done, what, value).
///
/// ```
/// # fn main() -> train::Result<()> {
/// use train::History;
/// # let directory = tempfile::tempdir().unwrap();
/// # let out = directory.path();
/// let mut history = History::create(out, &["lr", "loss"])?;
/// history.stepped(0, &[0.1, 2.5])?;
/// history.stepped(1, &[0.1, 1.5])?;
/// history.evaluated(2, "accuracy", 0.75)?;
/// assert_eq!(history.recent("loss", 2), 2.0);
/// // A run that goes on after its first step keeps that one.
/// let resumed = History::resume(out, &["lr", "loss"], 1)?;
/// assert_eq!((resumed.recent("loss", 2), resumed.last("accuracy")), (2.5, None));
/// # Ok(())
/// # }
/// ```
pub struct History {
    columns: Vec<String>,
    /// A row for each step.
    rows: Vec<Vec<f32>>,
    /// Steps done, what, and its value.
    evaluations: Vec<(usize, String, f64)>,
    steps_log: Log,
    evaluations_log: Log,
}

impl History {
    /// An empty history in an existing directory, whose steps have the given columns.
    ///
    /// # Errors
    /// [`Error::Write`] when the files can't be written.
    pub fn create(directory: impl AsRef<Path>, columns: &[&str]) -> Result<History> {
        let directory = directory.as_ref();
        let steps_log = Log::create(directory.join(STEPS), &header(columns))?;
        let evaluations_log = Log::create(directory.join(EVALUATIONS), EVALUATED)?;
        let columns = columns.iter().map(|&c| c.to_owned()).collect();
        Ok(History { columns, rows: vec![], evaluations: vec![], steps_log, evaluations_log })
    }

    /// The history of the first `steps` steps of a run in `directory`; what it says of later ones is dropped.
    ///
    /// # Errors
    /// [`Error::Log`] when the files are not of such a run, [`Error::Write`] when they can't be written.
    pub fn resume(directory: impl AsRef<Path>, columns: &[&str], steps: usize) -> Result<History> {
        let directory = directory.as_ref();
        let rows = read(&directory.join(STEPS), &header(columns), |cells| {
            let step: usize = cells.first()?.parse().ok()?;
            let row: Vec<f32> = cells[1..].iter().map(|c| c.parse().ok()).collect::<Option<_>>()?;
            (row.len() == columns.len()).then_some((step, row))
        })?;
        let evaluations = read(&directory.join(EVALUATIONS), EVALUATED, |cells| match cells {
            [step, name, value] => Some((step.parse().ok()?, (*name).to_owned(), value.parse().ok()?)),
            _ => None,
        })?;
        if rows.len() < steps || rows.iter().enumerate().any(|(i, (step, _))| i != *step) {
            let (path, line, reason) = (directory.join(STEPS), rows.len() + 1, "steps are missing");
            return Err(Error::Log { path, line, reason: reason.into() });
        }
        let mut history = History::create(directory, columns)?;
        for (step, row) in rows.into_iter().take(steps) {
            history.stepped(step, &row)?;
        }
        for (done, name, value) in evaluations.into_iter().filter(|(done, ..)| *done <= steps) {
            history.evaluated(done, &name, value)?;
        }
        Ok(history)
    }

    /// Takes note of a step, with a number for each column. Steps come one after another, from 0.
    ///
    /// # Errors
    /// [`Error::Write`] when the log can't be written.
    ///
    /// # Panics
    /// When there are more or fewer numbers than columns, or the step is another than the next.
    #[track_caller]
    pub fn stepped(&mut self, step: usize, row: &[f32]) -> Result<()> {
        assert!(
            row.len() == self.columns.len() && step == self.rows.len(),
            "History: step {step} with {} numbers after {} steps with {}",
            row.len(),
            self.rows.len(),
            self.columns.len()
        );
        // Rust prints the shortest text that reads back as the same bits: logs of two runs can be compared exactly.
        let cells: Vec<String> =
            std::iter::once(step.to_string()).chain(row.iter().map(f32::to_string)).collect();
        self.rows.push(row.to_vec());
        self.steps_log.line(&cells.join(","))
    }

    /// Takes note of a measurement after `steps` steps.
    ///
    /// # Errors
    /// [`Error::Write`] when the log can't be written.
    pub fn evaluated(&mut self, steps: usize, what: &str, value: f64) -> Result<()> {
        self.evaluations.push((steps, what.to_owned(), value));
        self.evaluations_log.line(&format!("{steps},{what},{value}"))
    }

    /// The mean of a column over the last steps, at most `steps` of them.
    ///
    /// # Panics
    /// When there is no such column.
    #[track_caller]
    pub fn recent(&self, column: &str, steps: usize) -> f64 {
        let column = self.column(column);
        let recent = &self.rows[self.rows.len().saturating_sub(steps)..];
        recent.iter().map(|row| f64::from(row[column])).sum::<f64>() / recent.len().max(1) as f64
    }

    /// The last value of a measurement.
    pub fn last(&self, what: &str) -> Option<f64> {
        self.evaluations.iter().rev().find(|(_, name, _)| name == what).map(|&(.., value)| value)
    }

    /// A column as a line called `name`, times `scale`.
    ///
    /// # Panics
    /// When there is no such column.
    #[track_caller]
    pub fn steps(&self, column: &str, name: &str, scale: f64) -> Series {
        let column = self.column(column);
        let point = |(step, row): (usize, &Vec<f32>)| (step as f64, scale * f64::from(row[column]));
        Series::new(name, self.rows.iter().enumerate().map(point))
    }

    /// A measurement as a line called `name`, times `scale`.
    pub fn evaluations(&self, what: &str, name: &str, scale: f64) -> Series {
        let of = self.evaluations.iter().filter(|(_, n, _)| n == what);
        Series::new(name, of.map(|&(steps, _, value)| (steps as f64, scale * value)))
    }

    #[track_caller]
    fn column(&self, name: &str) -> usize {
        let found = self.columns.iter().position(|c| c == name);
        found.unwrap_or_else(|| panic!("History: no column {name}; there are {:?}", self.columns))
    }
}

const EVALUATED: &str = "steps,what,value";

fn header(columns: &[&str]) -> String {
    [&["step"], columns].concat().join(",")
}

/// A file that is written line by line.
struct Log {
    file: LineWriter<File>,
    path: PathBuf,
}

impl Log {
    fn create(path: PathBuf, header: &str) -> Result<Log> {
        let file = File::create(&path).map_err(|source| Error::Write { path: path.clone(), source })?;
        let mut log = Log { file: LineWriter::new(file), path };
        log.line(header)?;
        Ok(log)
    }

    fn line(&mut self, text: &str) -> Result<()> {
        writeln!(self.file, "{text}").map_err(|source| Error::Write { path: self.path.clone(), source })
    }
}

/// What `parse` makes of the cells of each line after the header. A last line that was cut off is left out.
fn read<T>(path: &Path, header: &str, parse: impl Fn(&[&str]) -> Option<T>) -> Result<Vec<T>> {
    let fault = |line: usize, reason: String| Error::Log { path: path.into(), line, reason };
    let text = std::fs::read_to_string(path).map_err(|e| fault(0, e.to_string()))?;
    let mut lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    if lines.next() != Some(header) {
        return Err(fault(1, format!("the first line is not {header:?}")));
    }
    let parsed = lines.enumerate().map(|(i, line)| {
        let cells: Vec<&str> = line.split(',').collect();
        parse(&cells).ok_or_else(|| fault(i + 2, format!("{line:?} makes no sense")))
    });
    parsed.collect()
}
