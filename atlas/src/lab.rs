//! Where a study works: its device, seed, budget and output, and the figures it has found.

use std::ops::{Bound, RangeBounds};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use wgrad::data::Draws;
use wgrad::prelude::*;

use crate::{Figure, Study};

/// How a study is to be run.
#[derive(Debug, Clone)]
pub struct Setup {
    /// As [`Device::named`] takes it.
    pub device: String,
    pub seed: u64,
    /// Run with the small budget.
    pub small: bool,
    /// Real data in place of the built-in.
    pub data: Option<PathBuf>,
    /// Where pictures go.
    pub out: PathBuf,
    /// Say nothing on the way.
    pub quiet: bool,
}

impl Setup {
    /// A small, quiet run of seed 1 that leaves its pictures in the system's temporary directory.
    pub fn new(device: &str) -> Setup {
        let out = std::env::temp_dir().join("wgrad-studies");
        Setup { device: device.into(), seed: 1, small: true, data: None, out, quiet: true }
    }
}

/// The working place of a [`Study`].
pub struct Lab {
    device: Device,
    setup: Setup,
    pub(crate) figures: Vec<Figure>,
    pub(crate) pictures: Vec<PathBuf>,
}

impl Lab {
    /// # Errors
    /// No such device, data given to a study without use for it, or an output directory that cannot be made.
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

    /// An empty parameter tree of the study's device and seed.
    pub fn params(&self) -> Params {
        Params::new(&self.device, self.setup.seed)
    }

    /// Random numbers for the host; other streams are independent.
    pub fn draws(&self, stream: u32) -> Draws {
        Draws::new(self.setup.seed, 0, stream)
    }

    /// The full or the small budget of something.
    pub fn pick<T>(&self, full: T, small: T) -> T {
        if self.setup.small { small } else { full }
    }

    /// The real data that was asked for, if any.
    pub fn data(&self) -> Option<&Path> {
        self.setup.data.as_deref()
    }

    pub(crate) fn quiet(&self) -> bool {
        self.setup.quiet
    }

    /// Says something on the way, unless only JSON is wanted.
    pub fn say(&self, text: impl std::fmt::Display) {
        if !self.setup.quiet {
            println!("{text}");
        }
    }

    /// A figure for the record, which nothing is expected of.
    pub fn figure(&mut self, name: impl Into<String>, value: impl Into<f64>) {
        self.add(name.into(), value.into(), (Bound::Unbounded, Bound::Unbounded), None);
    }

    /// A figure that must lie in `range`, with either budget.
    pub fn expect(&mut self, name: impl Into<String>, value: impl Into<f64>, range: impl RangeBounds<f64>) {
        self.add(name.into(), value.into(), (range.start_bound().cloned(), range.end_bound().cloned()), None);
    }

    /// An expected figure that comes out the same on every device, up to `tolerance` (absolute).
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
        // Of other data nothing is known.
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

    /// A place for files that a study writes and reads again.
    pub fn out(&self) -> &Path {
        &self.setup.out
    }
}
