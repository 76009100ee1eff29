//! The usual page of a run.

use std::path::Path;

use plot::{GridImage, Panel, Series};

use super::html::number;
use super::{HeatMap, Histogram, Report};
use crate::Result;
use crate::metrics::Confusion;

/// The contents of the page of a run; empty parts are left out.
///
/// ```
/// use train::plot::Series;
/// use train::report::RunReport;
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("report.html");
/// let report = RunReport {
///     title: "mnist".into(),
///     config: vec![("lr".into(), "0.1".into())],
///     steps: vec![Series::new("loss", [(0.0, 2.3), (1.0, 1.9)])],
///     ..RunReport::default()
/// };
/// report.write(&path)?;
/// assert!(std::fs::read_to_string(&path)?.contains("<th scope=\"row\">lr</th><td>0.1</td>"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct RunReport<'a> {
    /// The page's title.
    pub title: String,
    /// The configuration: names and values.
    pub config: Vec<(String, String)>,
    /// Device, driver, versions, seed, revision, and so on.
    pub environment: Vec<(String, String)>,
    /// Measurements at every step, such as loss, learning rate and gradient norm, one chart each.
    pub steps: Vec<Series>,
    /// Measurements at some steps. One called `train/loss` or `loss/train` is drawn in the chart of `loss`, as the line
    /// `train`.
    pub evaluations: Vec<Series>,
    /// Names of the classes, and their confusion matrix.
    pub confusion: Option<(Vec<String>, Confusion)>,
    /// Images with their captions.
    pub samples: Vec<GridImage<'a>>,
    /// Histograms of weights, gradients or activations.
    pub histograms: Vec<Histogram>,
    /// Norms of the gradients, a row for each layer.
    pub gradient_norms: Option<HeatMap>,
    /// Time per kernel, the most expensive first.
    pub profile: Vec<ProfileRow>,
    /// Saved checkpoints, the newest last.
    pub checkpoints: Vec<Checkpoint>,
}

/// The launches of one kernel and shape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProfileRow {
    /// The kernel family, as in `matmul`.
    pub kernel: String,
    /// The kernel's sizes.
    pub shape: String,
    /// Number of launches.
    pub runs: u64,
    /// Total time of the launches.
    pub seconds: f64,
    /// 10^9 floating-point operations per second.
    pub gflops: f64,
    /// 10^9 bytes per second.
    pub gbytes: f64,
}

/// A saved checkpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// Steps done.
    pub step: usize,
    /// The file, as shown to readers.
    pub path: String,
    /// Size of the file.
    pub bytes: u64,
    /// A remark, such as `best`.
    pub note: String,
}

impl RunReport<'_> {
    /// The page.
    ///
    /// # Errors
    /// [`plot::Error::ImageSize`] for a sample whose bytes do not fit its size.
    ///
    /// # Panics
    /// When the gradient norms are not `rows * columns` values.
    #[track_caller]
    pub fn report(&self) -> Result<Report> {
        let mut report = self.summary(Report::new(self.title.as_str()));
        report = self.training(report);
        report = self.answers(report)?;
        report = self.inside(report);
        report = self.cost(report);
        Ok(self.setting(report))
    }

    /// Writes the page atomically.
    ///
    /// # Errors
    /// As [`RunReport::report`], and [`Error::Write`](crate::Error::Write).
    ///
    /// # Panics
    /// As [`RunReport::report`].
    #[track_caller]
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        self.report()?.write(path)
    }

    /// Adds a table of the last value of each measurement.
    fn summary(&self, report: Report) -> Report {
        let last = |series: &Series| {
            let (x, y) = series.points.last()?;
            Some(vec![series.name.clone(), number(*y), number(*x)])
        };
        let rows: Vec<Vec<String>> = self.evaluations.iter().chain(&self.steps).filter_map(last).collect();
        if rows.is_empty() {
            return report;
        }
        report.section("Summary").columns("", &["measured", "last", "at step"], &rows)
    }

    fn training(&self, report: Report) -> Report {
        let panels = panels(self.steps.iter().chain(&self.evaluations));
        if panels.is_empty() { report } else { report.section("Training").curves("", &panels) }
    }

    fn answers(&self, report: Report) -> Result<Report> {
        let mut report = report;
        if self.confusion.is_some() || !self.samples.is_empty() {
            report = report.section("Answers");
        }
        if let Some((names, confusion)) = &self.confusion {
            report = report.matrix("Confusion matrix", names, confusion);
            report = report.columns(
                "Classes",
                &["class", "precision", "recall", "F1", "labels"],
                &scores(names, confusion),
            );
        }
        if self.samples.is_empty() { Ok(report) } else { report.images("Samples", &self.samples) }
    }

    fn inside(&self, report: Report) -> Report {
        let mut report = report;
        if self.gradient_norms.is_some() || !self.histograms.is_empty() {
            report = report.section("Inside");
        }
        if let Some(norms) = &self.gradient_norms {
            report = report.heat_map("Gradient norm of each layer", norms);
        }
        if self.histograms.is_empty() { report } else { report.histograms("Histograms", &self.histograms) }
    }

    fn cost(&self, report: Report) -> Report {
        if self.profile.is_empty() {
            return report;
        }
        let all: f64 = self.profile.iter().map(|row| row.seconds).sum();
        let row = |row: &ProfileRow| {
            let share = 100.0 * row.seconds / all.max(f64::MIN_POSITIVE);
            let micros = 1e6 * row.seconds / row.runs.max(1) as f64;
            vec![
                row.kernel.clone(),
                format!("{share:.1}"),
                number(1e3 * row.seconds),
                row.runs.to_string(),
                format!("{micros:.1}"),
                format!("{:.1}", row.gflops),
                format!("{:.1}", row.gbytes),
                row.shape.clone(),
            ]
        };
        let rows: Vec<Vec<String>> = self.profile.iter().map(row).collect();
        let names = ["kernel", "% of time", "ms", "launches", "us each", "GFLOP/s", "GB/s", "shape"];
        report.section("Profile").columns("", &names, &rows)
    }

    fn setting(&self, report: Report) -> Report {
        let mut report = report;
        if !self.checkpoints.is_empty() {
            let row = |saved: &Checkpoint| {
                let megabytes = format!("{:.2} MB", saved.bytes as f64 * 1e-6);
                vec![saved.step.to_string(), megabytes, saved.path.clone(), saved.note.clone()]
            };
            let rows: Vec<Vec<String>> = self.checkpoints.iter().map(row).collect();
            report = report.section("Checkpoints").columns("", &["step", "size", "file", "note"], &rows);
        }
        if !self.config.is_empty() {
            report = report.section("Configuration").table("", &self.config);
        }
        if !self.environment.is_empty() {
            report = report.section("Environment").table("", &self.environment);
        }
        report
    }
}

/// Which chart a measurement belongs to, and the name of its line there.
fn split(name: &str) -> (&str, &str) {
    let sets = ["train", "val", "valid", "validation", "test", "eval"];
    match name.split_once('/') {
        Some((set, what)) if sets.contains(&set) => (what, set),
        Some((what, set)) if sets.contains(&set) => (what, set),
        _ => (name, name),
    }
}

/// A chart for each measured quantity, in order of first appearance.
fn panels<'a>(all: impl Iterator<Item = &'a Series>) -> Vec<Panel> {
    let mut panels: Vec<Panel> = Vec::new();
    for series in all.filter(|series| !series.points.is_empty()) {
        let (what, line) = split(&series.name);
        let line = Series { name: line.to_owned(), ..series.clone() };
        match panels.iter_mut().find(|panel| panel.title == what) {
            Some(panel) => panel.series.push(line),
            None => panels.push(Panel::new(what, "step", "").with(line)),
        }
    }
    panels
}

fn scores(names: &[String], confusion: &Confusion) -> Vec<Vec<String>> {
    let row = |(class, scores): (usize, &crate::metrics::ClassScores)| {
        let name = names.get(class).cloned().unwrap_or_else(|| class.to_string());
        let shares = [scores.precision, scores.recall, scores.f1].map(|share| format!("{share:.4}"));
        std::iter::once(name).chain(shares).chain([scores.support.to_string()]).collect()
    };
    confusion.class_scores().iter().enumerate().map(row).collect()
}
