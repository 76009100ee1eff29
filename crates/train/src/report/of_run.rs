//! A run's page from the files of its directory.

use plot::Series;
use serde_json::Value;

use super::{Checkpoint, HeatMap, RunReport};
use crate::{Detail, History, Run};

/// The trainer's name for the norms of the parameters' gradients.
const NORMS: &str = "gradient norms";

impl RunReport<'_> {
    /// Configuration, environment, curves, gradient norms and checkpoints of a run. Samples, a confusion matrix and other parts can be
    /// added to the result.
    ///
    /// ```
    /// use train::report::RunReport;
    /// use train::{History, Run};
    /// # let directory = tempfile::tempdir()?;
    /// # let out = directory.path().join("run");
    /// let run = Run::create(out, &autograd::Device::named("cpu")?, &serde_json::json!({ "lr": { "max": 0.1 } }))?;
    /// let mut history = History::create(run.path())?;
    /// history.stepped(0, &[("lr", 0.1), ("loss", 2.5)])?;
    /// history.evaluated(1, &[("test loss", 2.25)])?;
    /// let report = RunReport::of(&run, &history);
    /// assert_eq!(report.config, [("lr.max".to_owned(), "0.1".to_owned())]);
    /// assert_eq!((report.steps[1].name.as_str(), report.evaluations[0].name.as_str()), ("loss/train", "loss/test"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(run: &Run, history: &History) -> RunReport<'static> {
        let title = run.path().file_name().unwrap_or(run.path().as_os_str());
        RunReport {
            title: title.to_string_lossy().into_owned(),
            config: flat(run.config()),
            environment: flat(run.environment()),
            steps: steps(history),
            evaluations: evaluations(history),
            gradient_norms: norms(history.details()),
            checkpoints: checkpoints(run),
            ..RunReport::default()
        }
    }
}

/// Names and values; nested names become `outer.inner`.
fn flat(value: &Value) -> Vec<(String, String)> {
    fn add(name: &str, value: &Value, found: &mut Vec<(String, String)>) {
        match value {
            Value::Object(inner) => {
                let full = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
                inner.iter().for_each(|(key, value)| add(&full(key), value, found));
            }
            Value::Null => {}
            Value::String(text) => found.push((name.to_owned(), text.clone())),
            Value::Array(items) if items.iter().all(Value::is_string) => {
                let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                found.push((name.to_owned(), texts.join(" ")));
            }
            other => found.push((name.to_owned(), other.to_string())),
        }
    }
    let mut found = vec![];
    add("", value, &mut found);
    found
}

/// A line for each column; a column that is also evaluated becomes the line `train` of its chart.
fn steps(history: &History) -> Vec<Series> {
    let figures = history.figures();
    let evaluated = |column: &String| figures.iter().any(|figure| set_of(figure, column).is_some());
    let named = |column: &String| {
        let name = if evaluated(column) { format!("{column}/train") } else { column.clone() };
        history.steps(column, &name, 1.0)
    };
    history.columns().iter().map(named).collect()
}

/// A line for each figure, in order of first appearance; `"test loss"` becomes `"loss/test"` if there is a column `"loss"`.
fn evaluations(history: &History) -> Vec<Series> {
    let line = |name: &str| {
        let column = history.columns().iter().find_map(|column| Some((set_of(name, column)?, column)));
        column.map_or(name.to_owned(), |(set, column)| format!("{column}/{set}"))
    };
    history.figures().into_iter().map(|name| history.evaluations(name, &line(name), 1.0)).collect()
}

/// The part of a figure's name before the column's name: `test` of `test loss`.
fn set_of<'a>(figure: &'a str, column: &str) -> Option<&'a str> {
    figure.strip_suffix(column)?.strip_suffix(' ')
}

/// A row for each parameter, a column for each measurement.
fn norms(details: &[Detail]) -> Option<HeatMap> {
    let norms: Vec<&Detail> = details.iter().filter(|detail| detail.name == NORMS).collect();
    let rows: Vec<String> = norms.first()?.parts.iter().map(|(name, _)| name.clone()).collect();
    let of = |detail: &Detail, row: &String| {
        detail.parts.iter().find(|(name, _)| name == row).map_or(f32::NAN, |(_, norm)| *norm as f32)
    };
    let values = rows.iter().flat_map(|row| norms.iter().map(move |detail| of(detail, row))).collect();
    let columns = norms.iter().map(|detail| detail.steps as f64).collect();
    Some(HeatMap { rows, columns_label: "steps".into(), columns, values, log: true })
}

fn checkpoints(run: &Run) -> Vec<Checkpoint> {
    let saved = |step: usize, path: std::path::PathBuf, note: &str| {
        let bytes = path.metadata().map_or(0, |m| m.len());
        let path = path.strip_prefix(run.path()).unwrap_or(&path).display().to_string();
        Checkpoint { step, path, bytes, note: note.into() }
    };
    let all = crate::checkpoint::list(&run.join(crate::trainer::CHECKPOINTS));
    all.into_iter().map(|(steps, path)| saved(steps, path, "")).collect()
}
