//! The environment of a study: its device, seed, budget and output directory, and the figures it reports.

use std::ops::{Bound, RangeBounds};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use wgrad::data::Draws;
use wgrad::prelude::*;

use crate::{Figure, Study};

/// How to run a study.
#[derive(Debug, Clone)]
pub struct Setup {
    /// A name for [`Device::named`].
    pub device: String,
    pub seed: u64,
    /// Run with the small budget.
    pub small: bool,
    /// Real data in place of the built-in data.
    pub data: Option<PathBuf>,
    /// The directory for pictures.
    pub out: PathBuf,
    /// Print no progress.
    pub quiet: bool,
}

impl Setup {
    /// A small, quiet run with seed 1 that writes its pictures to the system's temporary directory.
    pub fn new(device: &str) -> Setup {
        let out = std::env::temp_dir().join("wgrad-studies");
        Setup { device: device.into(), seed: 1, small: true, data: None, out, quiet: true }
    }
}

/// The environment that a [`Study`] runs in.
pub struct Lab {
    device: Device,
    setup: Setup,
    pub(crate) figures: Vec<Figure>,
    pub(crate) pictures: Vec<PathBuf>,
}

impl Lab {
    /// # Errors
    /// No such device, data given to a study that cannot use it, or an output directory that cannot be created.
    pub fn new(study: &Study, setup: &Setup) -> Result<Lab> {
        ensure!(setup.data.is_none() || study.data.is_some(), "{} takes no --data", study.name);
        let device = Device::named(&setup.device)?;
        std::fs::create_dir_all(&setup.out)
            .with_context(|| format!("cannot make {}: choose another --out", setup.out.display()))?;
        Ok(Lab { device, setup: setup.clone(), figures: Vec::new(), pictures: Vec::new() })
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    pub fn seed(&self) -> u64 {
        self.setup.seed
    }

    /// An empty parameter tree with the study's device and seed.
    pub fn params(&self) -> Params {
        Params::new(&self.device, self.setup.seed)
    }

    /// Random numbers for the host; different streams are independent.
    pub fn draws(&self, stream: u32) -> Draws {
        Draws::new(self.setup.seed, 0, stream)
    }

    /// Selects a value by the budget: full or small.
    pub fn pick<T>(&self, full: T, small: T) -> T {
        if self.setup.small { small } else { full }
    }

    /// The path of the real data, if it was given.
    pub fn data(&self) -> Option<&Path> {
        self.setup.data.as_deref()
    }

    pub(crate) fn quiet(&self) -> bool {
        self.setup.quiet
    }

    /// Prints progress, unless the run is quiet.
    pub fn say(&self, text: impl std::fmt::Display) {
        if !self.setup.quiet {
            println!("{text}");
        }
    }

    /// Records a figure without an expected range.
    pub fn figure(&mut self, name: impl Into<String>, value: impl Into<f64>) {
        self.add(name.into(), value.into(), (Bound::Unbounded, Bound::Unbounded), None);
    }

    /// Records a figure that must lie in `range` with either budget.
    pub fn expect(&mut self, name: impl Into<String>, value: impl Into<f64>, range: impl RangeBounds<f64>) {
        self.add(name.into(), value.into(), (range.start_bound().cloned(), range.end_bound().cloned()), None);
    }

    /// Records an expected figure that must be the same on every device, up to `tolerance` (absolute).
    pub fn expect_same(
        &mut self,
        name: impl Into<String>,
        value: impl Into<f64>,
        range: impl RangeBounds<f64>,
        tolerance: f64,
    ) {
        let bounds = (range.start_bound().cloned(), range.end_bound().cloned());
        self.add(name.into(), value.into(), bounds, Some(tolerance));
    }

    fn add(&mut self, name: String, value: f64, expected: (Bound<f64>, Bound<f64>), tolerance: Option<f64>) {
        // The expected ranges hold only for the built-in data.
        let expected = match self.setup.data {
            Some(_) => (Bound::Unbounded, Bound::Unbounded),
            None => expected,
        };
        self.figures.push(Figure { name, value, expected, tolerance });
    }

    /// Draws `name.png` in the output directory.
    ///
    /// # Errors
    /// Those of `draw`.
    pub fn picture<E>(&mut self, name: &str, draw: impl FnOnce(&Path) -> Result<(), E>) -> Result<()>
    where
        E: Into<anyhow::Error>,
    {
        let path = self.setup.out.join(format!("{name}.png"));
        draw(&path).map_err(Into::into)?;
        self.pictures.push(path);
        Ok(())
    }

    /// The output directory, also for files that a study writes and reads back.
    pub fn out(&self) -> &Path {
        &self.setup.out
    }
}
