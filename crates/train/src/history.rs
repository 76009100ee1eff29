//! Measurements of a run: at every step, and at evaluations.

#[cfg(feature = "plots")]
mod curves;

use std::path::Path;

use serde_json::{Map, Value};

use crate::log::Log;
use crate::{Error, Result};

/// The name of the log in a run's directory.
pub const METRICS: &str = "metrics.jsonl";

/// Keys for the time of a measurement: during a step, counted from 0, or after a number of steps.
const STEP: &str = "step";
const AFTER: &str = "after";

/// Numbers of a training run, also written to `metrics.jsonl`: a line for each step, as in `{"step":0,"lr":0.1,"loss":2.5}`, and one for
/// each measurement after some steps, as in `{"after":390,"test accuracy":0.75}`. `null` stands for NaN and infinities.
///
/// ```
/// # fn main() -> train::Result<()> {
/// use train::History;
/// # let directory = tempfile::tempdir().unwrap();
/// # let out = directory.path();
/// let mut history = History::create(out)?;
/// history.stepped(0, &[("lr", 0.1), ("loss", 2.5)])?;
/// history.stepped(1, &[("lr", 0.1), ("loss", 1.5)])?;
/// history.evaluated(2, &[("accuracy", 0.75)])?;
/// assert_eq!(history.recent("loss", 2), 2.0);
/// // A run that is resumed after its first step keeps that step.
/// let resumed = History::resume(out, 1)?;
/// assert_eq!((resumed.recent("loss", 2), resumed.last("accuracy")), (2.5, None));
/// # Ok(())
/// # }
/// ```
#[doc(alias = "CSVLogger")]
pub struct History {
    /// Names of the numbers of each step; known from the first step on.
    columns: Vec<String>,
    /// A number for each column, step after step.
    values: Vec<f32>,
    steps: usize,
    evaluations: Vec<Evaluation>,
    /// Measurements with parts, such as the gradient norm of each parameter.
    details: Vec<Detail>,
    log: Log,
}

/// A figure measured after some steps, usually on held-out data.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// After how many steps.
    pub steps: usize,
    /// The figure's name, as in `test_loss`.
    pub name: String,
    /// What was measured.
    pub value: f64,
}

/// Numbers of one kind, such as the norm of the gradient of each parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Detail {
    /// After how many steps.
    pub steps: usize,
    /// What is measured.
    pub name: String,
    /// Name and value of each part.
    pub parts: Vec<(String, f64)>,
}

impl History {
    /// An empty history in an existing directory.
    ///
    /// # Errors
    /// [`Error::Write`] when the file can't be written.
    pub fn create(directory: impl AsRef<Path>) -> Result<History> {
        Ok(History::empty(Log::create(directory.as_ref().join(METRICS), String::new())?))
    }

    /// An empty history whose log does not exist yet.
    pub(crate) fn unwritten(directory: &Path) -> History {
        History::empty(Log::closed(directory.join(METRICS)))
    }

    /// The history of the first `steps` steps of a run in `directory`; later lines are removed from the log.
    ///
    /// # Errors
    /// [`Error::Log`] when the log is damaged or has fewer steps, [`Error::Write`] when it can't be written.
    pub fn resume(directory: impl AsRef<Path>, steps: usize) -> Result<History> {
        let history = History::read(directory.as_ref(), Some(steps))?;
        if history.steps < steps {
            let reason = format!("the log ends after {} steps of {steps}", history.steps);
            return Err(Error::Log {
                path: directory.as_ref().join(METRICS),
                line: history.steps + 1,
                reason,
            });
        }
        Ok(history)
    }

    /// The history of a finished or interrupted run, read only.
    ///
    /// # Errors
    /// [`Error::Log`] when the file is not the log of a run.
    pub fn open(directory: impl AsRef<Path>) -> Result<History> {
        History::read(directory.as_ref(), None)
    }

    /// Reads the first `limit` steps; with a limit, the log is also rewritten without the rest.
    fn read(directory: &Path, limit: Option<usize>) -> Result<History> {
        let path = directory.join(METRICS);
        let fault = |line: usize, reason: String| Error::Log { path: path.clone(), line, reason };
        let text = std::fs::read_to_string(&path).map_err(|e| fault(0, e.to_string()))?;
        let mut history = History::empty(Log::closed(path.clone()));
        let mut kept = String::new();
        // Skips a truncated last line.
        for (i, line) in text.split_inclusive('\n').enumerate().filter(|(_, line)| line.ends_with('\n')) {
            let taken = history.take(line, limit.unwrap_or(usize::MAX));
            if taken.map_err(|reason| fault(i + 1, reason))? {
                kept.push_str(line);
            }
        }
        if limit.is_some() {
            history.log = Log::create(path, kept)?;
        }
        Ok(history)
    }

    fn empty(log: Log) -> History {
        History { columns: vec![], values: vec![], steps: 0, evaluations: vec![], details: vec![], log }
    }

    /// Adds a line of a log, and returns true; false if the line is from after `limit` steps.
    fn take(&mut self, line: &str, limit: usize) -> Result<bool, String> {
        let nonsense = || format!("{:?} makes no sense", line.trim_end());
        let object: Map<String, Value> = serde_json::from_str(line).map_err(|_| nonsense())?;
        let count = |key| object.get(key).and_then(Value::as_u64).map(|n| n as usize);
        let figures = || object.iter().filter(|(key, _)| *key != STEP && *key != AFTER);
        if let Some(step) = count(STEP) {
            if step >= limit {
                return Ok(false);
            }
            let row = figures().map(|(key, v)| Some((key.as_str(), number(v)? as f32)));
            let row: Vec<(&str, f32)> = row.collect::<Option<_>>().ok_or_else(nonsense)?;
            self.push(step, &row).map_err(|problem| format!("{}: {problem}", line.trim_end()))?;
            return Ok(true);
        }
        let steps = count(AFTER).ok_or_else(nonsense)?;
        if steps > limit {
            return Ok(false);
        }
        for (key, value) in figures() {
            let (name, part) = (key.clone(), |(k, v): (&String, &Value)| Some((k.clone(), number(v)?)));
            match value {
                Value::Object(parts) => {
                    let parts = parts.iter().map(part).collect::<Option<_>>().ok_or_else(nonsense)?;
                    self.details.push(Detail { steps, name, parts });
                }
                value => {
                    let value = number(value).ok_or_else(nonsense)?;
                    self.evaluations.push(Evaluation { steps, name, value });
                }
            }
        }
        Ok(true)
    }

    /// Adds a step, or returns why it doesn't fit.
    fn push(&mut self, step: usize, row: &[(&str, f32)]) -> Result<(), String> {
        if self.steps == 0 {
            self.columns = row.iter().map(|(name, _)| (*name).to_owned()).collect();
        }
        let same = row.len() == self.columns.len() && row.iter().zip(&self.columns).all(|(r, c)| r.0 == c);
        if step != self.steps || !same {
            let names: Vec<&str> = row.iter().map(|(name, _)| *name).collect();
            return Err(format!(
                "step {step} with {names:?} after {} steps with {:?}",
                self.steps, self.columns
            ));
        }
        self.values.extend(row.iter().map(|(_, value)| value));
        self.steps += 1;
        Ok(())
    }

    /// Records a step. Steps come one after another, from 0, and all have the same names.
    ///
    /// # Errors
    /// [`Error::Write`] when the log can't be written.
    ///
    /// # Panics
    /// When `step` is not the next one, or its names differ from those of the first step.
    #[track_caller]
    pub fn stepped(&mut self, step: usize, row: &[(&str, f32)]) -> Result<()> {
        if let Err(problem) = self.push(step, row) {
            panic!("History: {problem}");
        }
        // Rust prints the shortest decimal that parses to the same bits, so that the logs of two runs can be compared exactly.
        let cells = row.iter().map(|(name, value)| (*name, text(*value, value.is_finite())));
        self.log.line(&object(STEP, step, cells))
    }

    /// Records figures after `steps` steps.
    ///
    /// # Errors
    /// [`Error::Write`] when the log can't be written.
    pub fn evaluated(&mut self, steps: usize, figures: &[(&str, f64)]) -> Result<()> {
        let evaluation = |&(name, value): &(&str, f64)| Evaluation { steps, name: name.to_owned(), value };
        self.evaluations.extend(figures.iter().map(evaluation));
        let cells = figures.iter().map(|(name, value)| (*name, text(*value, value.is_finite())));
        self.log.line(&object(AFTER, steps, cells))
    }

    /// Records numbers of one kind after `steps` steps.
    ///
    /// # Errors
    /// [`Error::Write`] when the log can't be written.
    pub fn detailed(&mut self, steps: usize, name: &str, parts: Vec<(String, f64)>) -> Result<()> {
        let cells = parts.iter().map(|(name, value)| (name.as_str(), text(*value, value.is_finite())));
        let inner = format!("{{{}}}", fields(cells));
        self.log.line(&object(AFTER, steps, [(name, inner)].into_iter()))?;
        self.details.push(Detail { steps, name: name.to_owned(), parts });
        Ok(())
    }

    /// Steps so far.
    pub fn len(&self) -> usize {
        self.steps
    }

    /// Whether no steps were recorded.
    pub fn is_empty(&self) -> bool {
        self.steps == 0
    }

    /// Names of the numbers of each step.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The numbers of the last step; none before the first one.
    pub fn latest(&self) -> impl Iterator<Item = (&str, f32)> {
        let row = &self.values[self.values.len() - self.columns.len().min(self.values.len())..];
        self.columns.iter().map(String::as_str).zip(row.iter().copied())
    }

    /// All evaluations, in the order in which they were measured.
    pub fn all_evaluations(&self) -> &[Evaluation] {
        &self.evaluations
    }

    /// The names of all figures, in order of first appearance.
    pub fn figures(&self) -> Vec<&str> {
        let mut names: Vec<&str> = vec![];
        for evaluation in &self.evaluations {
            if !names.contains(&evaluation.name.as_str()) {
                names.push(&evaluation.name);
            }
        }
        names
    }

    /// All measurements with parts, in the order in which they were made.
    pub fn details(&self) -> &[Detail] {
        &self.details
    }

    /// The mean of a column over the last steps, at most `steps` of them; 0 before the first one.
    ///
    /// # Panics
    /// When there is no such column.
    #[track_caller]
    pub fn recent(&self, column: &str, steps: usize) -> f64 {
        if self.steps == 0 {
            return 0.0;
        }
        let first = self.steps.saturating_sub(steps);
        self.column(column, first).map(f64::from).sum::<f64>() / (self.steps - first).max(1) as f64
    }

    /// The last value of a figure.
    pub fn last(&self, name: &str) -> Option<f64> {
        self.evaluations.iter().rev().find(|e| e.name == name).map(|e| e.value)
    }

    /// A column from step `first` on.
    #[track_caller]
    fn column(&self, name: &str, first: usize) -> impl Iterator<Item = f32> + '_ {
        let found = self.columns.iter().position(|c| c == name);
        let column =
            found.unwrap_or_else(|| panic!("History: no column {name}; there are {:?}", self.columns));
        // Slices instead of skipping: a progress bar reads the last few values at every step.
        let rows = &self.values[first * self.columns.len()..];
        rows.chunks_exact(self.columns.len()).map(move |row| row[column])
    }
}

/// A number of a log; NaN for `null`.
fn number(value: &Value) -> Option<f64> {
    if value.is_null() { Some(f64::NAN) } else { value.as_f64() }
}

fn text(value: impl ToString, finite: bool) -> String {
    if finite { value.to_string() } else { "null".into() }
}

fn fields<'a>(cells: impl Iterator<Item = (&'a str, String)>) -> String {
    cells.map(|(name, value)| format!("{}:{value}", Value::from(name))).collect::<Vec<_>>().join(",")
}

fn object<'a>(key: &'a str, count: usize, cells: impl Iterator<Item = (&'a str, String)>) -> String {
    format!("{{{}}}", fields(std::iter::once((key, count.to_string())).chain(cells)))
}
