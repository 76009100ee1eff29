//! The timing protocol: the first step on its own, warm-up steps, then steps timed one by one.

use std::fmt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wgrad::autograd;
use wgrad::prelude::*;

use crate::machine::{self, Busy};
use crate::workload::Workload;

pub struct Options {
    /// Minimum seconds over which steps are timed.
    pub seconds: f64,
    /// When the process began.
    pub started: Instant,
}

/// The step whose loss is reported: that after this many updates.
const LOSS_STEP: usize = 10;
const MOST_STEPS: usize = 2000;
const MOST_SECONDS: f64 = 60.0;

pub struct Run {
    device: DeviceInfo,
    workload: Workload,
    params: usize,
    setup_ms: f64,
    /// Time of the first step.
    first_ms: f64,
    /// Times of the timed steps, sorted.
    timed_ms: Vec<f64>,
    pub losses: Vec<f32>,
    /// Cores used on average by this process and by others.
    cores: [f64; 2],
    launches: u64,
    compiles: u64,
    plan_bytes: usize,
}

/// Runs a workload by the protocol that all frameworks follow.
pub fn measure(device: &Device, workload: Workload, options: &Options) -> wgrad::autograd::Result<Run> {
    let (mut step, params) = workload.build(device)?;
    let setup_ms = milliseconds(options.started.elapsed());
    let (mut losses, mut launches) = (vec![], 0);
    let mut one = || -> wgrad::autograd::Result<f64> {
        let before = device.stats().launches;
        let start = Instant::now();
        losses.push(step()?);
        let time = milliseconds(start.elapsed());
        launches = device.stats().launches - before;
        Ok(time)
    };
    let first_ms = one()?;
    let warm = if one()? < 5000.0 { 3 } else { 0 };
    for _ in 0..warm {
        one()?;
    }
    let (busy, began) = (Busy::now(), Instant::now());
    let mut timed_ms = vec![];
    loop {
        timed_ms.push(one()?);
        let (steps, seconds) = (timed_ms.len(), began.elapsed().as_secs_f64());
        let enough = seconds >= options.seconds && 2 + warm + steps > LOSS_STEP;
        if (steps >= 5 && (enough || seconds >= MOST_SECONDS)) || steps >= MOST_STEPS {
            break;
        }
    }
    let cores = Busy::cores_since(busy, began.elapsed().as_secs_f64());
    timed_ms.sort_by(f64::total_cmp);
    let plan_bytes = autograd::plans(device).iter().map(|p| p.temp_bytes()).max().unwrap_or(0);
    let compiles = device.stats().compiles;
    let device = device.info().clone();
    Ok(Run {
        device,
        workload,
        params,
        setup_ms,
        first_ms,
        timed_ms,
        losses,
        cores,
        launches,
        compiles,
        plan_bytes,
    })
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

impl Run {
    fn quantile(&self, q: f64) -> f64 {
        let at = q * (self.timed_ms.len() - 1) as f64;
        let (low, high) = (self.timed_ms[at.floor() as usize], self.timed_ms[at.ceil() as usize]);
        low + (high - low) * at.fract()
    }

    fn items_per_s(&self) -> f64 {
        self.workload.items() as f64 / self.quantile(0.5) * 1e3
    }

    /// The line that all frameworks print.
    pub fn json(&self) -> Value {
        let n = LOSS_STEP.min(self.losses.len() - 1);
        let round = |x: f64| (x * 1e3).round() / 1e3;
        let mut line = json!({
            "framework": "wgrad",
            "version": env!("CARGO_PKG_VERSION"),
            "device": self.device.to_string(),
            "workload": self.workload.name(),
            "batch": self.workload.batch(),
            "step_ms_median": round(self.quantile(0.5)),
            "step_ms_min": round(self.timed_ms[0]),
            "step_ms_p90": round(self.quantile(0.9)),
            "items_per_s": round(self.items_per_s()),
            "first_step_ms": round(self.first_ms),
            "setup_ms": round(self.setup_ms),
            "peak_rss_mb": round(machine::peak_rss_mb()),
            "loss_first": self.losses[0],
            "loss_after_N": self.losses[n],
            "N": n,
            "timed_steps": self.timed_ms.len(),
            "own_cores": round(self.cores[0]),
            "other_cores": round(self.cores[1]),
            "params": self.params,
            "launches": self.launches,
            "compiles": self.compiles,
            "plan_bytes": self.plan_bytes,
        });
        if self.workload == Workload::Matmul {
            line["gflops"] = json!(round(2.0 * 1024f64.powi(3) / (self.quantile(0.5) * 1e6)));
        }
        line
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(
            f,
            "{}: {:.3} ms (min {:.3}, p90 {:.3}), {:.1} items/s, first step {:.1} ms, {} launches, plan {:.1} MB, \
             peak {:.0} MB, on {}",
            self.workload,
            self.quantile(0.5),
            self.timed_ms[0],
            self.quantile(0.9),
            self.items_per_s(),
            self.first_ms,
            self.launches,
            self.plan_bytes as f64 / 1e6,
            machine::peak_rss_mb(),
            self.device
        )
    }
}
