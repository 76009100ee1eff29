//! The figures of a study, checked against their expected ranges.

use std::fmt::{Display, Formatter};
use std::ops::{Bound, RangeBounds};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::{Lab, Setup, Study};

/// A measured number and its expected range.
#[derive(Debug, Clone)]
pub struct Figure {
    pub name: String,
    pub value: f64,
    /// The range it must lie in.
    pub expected: (Bound<f64>, Bound<f64>),
    /// The largest difference between devices, if the value must be the same on all.
    pub tolerance: Option<f64>,
}

impl Figure {
    /// Whether the value is a number and in its range.
    pub fn met(&self) -> bool {
        !self.value.is_nan() && self.expected.contains(&self.value)
    }

    /// The range as text; empty if unbounded.
    pub fn range(&self) -> String {
        match self.expected {
            (Bound::Unbounded, Bound::Unbounded) => String::new(),
            (Bound::Unbounded, Bound::Included(high)) => format!("≤ {high}"),
            (Bound::Unbounded, Bound::Excluded(high)) => format!("< {high}"),
            (Bound::Included(low), Bound::Unbounded) => format!("≥ {low}"),
            (Bound::Excluded(low), Bound::Unbounded) => format!("> {low}"),
            (Bound::Included(low), Bound::Included(high)) => format!("{low} to {high}"),
            (Bound::Included(low) | Bound::Excluded(low), Bound::Included(high) | Bound::Excluded(high)) => {
                format!("{low} to below {high}")
            }
        }
    }
}

/// A study's figures and pictures.
#[derive(Debug, Clone)]
pub struct Report {
    pub study: &'static str,
    pub device: String,
    pub seed: u64,
    /// Whether it ran with the small budget.
    pub small: bool,
    pub figures: Vec<Figure>,
    pub pictures: Vec<PathBuf>,
    pub seconds: f64,
}

impl Report {
    /// Runs a study.
    ///
    /// # Errors
    /// Those of [`Lab::new`] and of the study.
    pub fn of(study: &Study, setup: &Setup) -> Result<Report> {
        let start = Instant::now();
        let mut lab = Lab::new(study, setup)?;
        (study.run)(&mut lab)?;
        Ok(Report {
            study: study.name,
            device: lab.device().info().to_string(),
            seed: setup.seed,
            small: setup.small,
            figures: lab.figures,
            pictures: lab.pictures,
            seconds: start.elapsed().as_secs_f64(),
        })
    }

    /// The figures outside their ranges.
    pub fn missed(&self) -> Vec<&Figure> {
        self.figures.iter().filter(|figure| !figure.met()).collect()
    }

    /// All figures by name, and the ranges of those that have one.
    pub fn json(&self) -> Value {
        let by_name = |of: &dyn Fn(&Figure) -> Option<Value>| -> Map<String, Value> {
            self.figures.iter().filter_map(|figure| Some((figure.name.clone(), of(figure)?))).collect()
        };
        json!({
            "study": self.study,
            "device": self.device,
            "seed": self.seed,
            "small": self.small,
            "figures": by_name(&|figure| Some(json!(figure.value))),
            "expected": by_name(&|figure| Some(json!(figure.range())).filter(|range| range != "")),
            "missed": self.missed().iter().map(|figure| &figure.name).collect::<Vec<_>>(),
            "pictures": self.pictures,
            "seconds": self.seconds,
        })
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter) -> std::fmt::Result {
        writeln!(f, "{} on {}, {:.1} s", self.study, self.device, self.seconds)?;
        let width = self.figures.iter().map(|figure| figure.name.chars().count()).max().unwrap_or(0);
        for figure in &self.figures {
            let verdict = if figure.met() { "" } else { "  MISSED" };
            writeln!(f, "  {:width$}  {:>12.5}  {}{verdict}", figure.name, figure.value, figure.range())?;
        }
        for picture in &self.pictures {
            writeln!(f, "  {}", picture.display())?;
        }
        Ok(())
    }
}
