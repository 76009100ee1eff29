//! Times by kernel and shape.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use super::Total;
use crate::{Cost, Kernel};

/// How a device spent its time since profiling began, without the first run of each plan.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Launches by kernel and shape, the most expensive first.
    pub launches: Vec<ProfileRow>,
    /// Host work (`record`, `evaluate`, and within that `compile`, `upload` and `submit`; `wait`) with count and time, the most expensive
    /// first. On the CPU device `submit` includes the launches themselves.
    pub host: Vec<(&'static str, u64, Duration)>,
}

/// All launches of one kernel and shape.
#[derive(Clone, Debug)]
pub struct ProfileRow {
    /// The kernel family.
    pub kernel: &'static str,
    /// [`Kernel::shape`].
    pub shape: String,
    /// Number of launches.
    pub runs: u64,
    /// Total time of all launches.
    pub time: Duration,
    /// Work of one launch.
    pub cost: Cost,
}

impl ProfileRow {
    /// Microseconds per launch.
    pub fn micros(&self) -> f64 {
        self.time.as_secs_f64() * 1e6 / self.runs as f64
    }

    /// 10^9 floating-point operations per second.
    pub fn gflops(&self) -> f64 {
        self.cost.flops as f64 * 1e-3 / self.micros()
    }

    /// 10^9 bytes per second, each byte counted once.
    pub fn gbytes(&self) -> f64 {
        self.cost.bytes as f64 * 1e-3 / self.micros()
    }
}

impl Profile {
    pub(super) fn new<'a>(
        launches: impl Iterator<Item = (&'a dyn Kernel, Total)>,
        host: impl Iterator<Item = (&'static str, Total)>,
    ) -> Profile {
        let mut rows: HashMap<(&'static str, String), ProfileRow> = HashMap::new();
        for (kernel, total) in launches {
            let (name, shape) = (kernel.name(), kernel.shape());
            let row = rows.entry((name, shape.clone())).or_insert_with(|| ProfileRow {
                kernel: name,
                shape,
                runs: 0,
                time: Duration::ZERO,
                cost: kernel.cost(),
            });
            row.runs += total.runs;
            row.time += total.time;
        }
        let mut launches: Vec<ProfileRow> = rows.into_values().collect();
        launches.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| a.shape.cmp(&b.shape)));
        let mut host: Vec<_> = host.map(|(what, total)| (what, total.runs, total.time)).collect();
        host.sort_by(|a, b| b.2.cmp(&a.2).then(a.0.cmp(b.0)));
        Profile { launches, host }
    }

    /// Time of all launches.
    pub fn total(&self) -> Duration {
        self.launches.iter().map(|row| row.time).sum()
    }
}

/// A table of launches, and one of host work.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let total = self.total().as_secs_f64().max(f64::MIN_POSITIVE);
        let width = self.launches.iter().map(|r| r.shape.len()).max().unwrap_or(0).clamp(5, 60);
        let (kernel, shape, us) = ("kernel", "shape", "us each");
        writeln!(
            f,
            "{kernel:24} {shape:width$} {:>8} {us:>10} {:>9} {:>8} {:>6}",
            "runs", "GFLOP/s", "GB/s", "share"
        )?;
        for row in &self.launches {
            writeln!(
                f,
                "{:24} {:width$} {:>8} {:>10.1} {:>9.1} {:>8.1} {:>5.1}%",
                row.kernel,
                row.shape,
                row.runs,
                row.micros(),
                row.gflops(),
                row.gbytes(),
                row.time.as_secs_f64() / total * 100.0
            )?;
        }
        writeln!(f, "{:24} {:.3} ms", "all launches", total * 1e3)?;
        for (what, runs, time) in &self.host {
            writeln!(f, "host {what:19} {runs:>8} times, {:.3} ms", time.as_secs_f64() * 1e3)?;
        }
        Ok(())
    }
}
