//! `wgrad bench`

mod kernels;
mod picture;
mod steps;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use autograd::Device;
use clap::Args;
use gpu_core::selftest::{self, DeviceReport, SelfTest};
use serde::Serialize;
use serde_json::Value;

use crate::say::Say;
use kernels::Rate;
use steps::Step;

#[derive(Args)]
pub struct Arguments {
    /// auto, cpu, vulkan, metal, dx12, software, or a number of `wgrad devices`
    #[arg(long, default_value = "auto")]
    device: String,

    /// Time limit in minutes; what does not fit is left out
    #[arg(long, default_value_t = 8.0)]
    minutes: f64,

    /// Where bench.json and bench.png go
    #[arg(long, default_value = "bench")]
    out: PathBuf,
}

/// All measurements of a device.
#[derive(Serialize)]
struct Report {
    version: &'static str,
    device: DeviceReport,
    test: SelfTest,
    kernels: Vec<Rate>,
    steps: Vec<Step>,
    /// What was not measured, and why.
    left_out: Vec<String>,
    seconds: f64,
}

/// Tests a device, times kernels and training steps on it, and keeps the figures as JSON and a picture.
pub fn run(arguments: &Arguments, say: &Say) -> Result<()> {
    ensure!(arguments.minutes > 0.0, "--minutes must be above 0");
    let device = Device::named(&arguments.device)?;
    let clock = Clock { start: Instant::now(), seconds: 60.0 * arguments.minutes };
    say.text(format!("wgrad {} on {}\n", env!("CARGO_PKG_VERSION"), device.info()));
    let test = selftest::run(&device, |_| {});
    for kernel in test.kernels.iter().filter(|kernel| !kernel.passed) {
        say.text(format!("BAD: {} gives wrong results", kernel.name));
    }
    say.text(format!("self-test: {} kernels in {:.0} s\n", test.kernels.len(), clock.passed()));
    let mut left_out = vec![];
    let kernels = time_kernels(&device, &clock, say, &mut left_out);
    let steps = time_steps(&device, &clock, say, &mut left_out);
    say.text(format!("\n{:.0} s in all", clock.passed()));
    left_out.iter().for_each(|line| say.text(format!("left out: {line}")));
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        device: DeviceReport::of(&device),
        test,
        kernels,
        steps,
        left_out,
        seconds: clock.passed(),
    };
    let json = serde_json::to_value(&report)?;
    write(arguments, &report, &json, say)?;
    say.result(&json);
    ensure!(report.test.passed(), "the device gives wrong results; see `wgrad doctor`");
    for step in &report.steps {
        let (loss, cpu) = (step.losses, step.cpu_losses);
        ensure!(step.agrees(), "{}: the losses are {loss:?}, on the CPU {cpu:?}", step.network);
    }
    Ok(())
}

/// The remaining time.
struct Clock {
    start: Instant,
    seconds: f64,
}

impl Clock {
    fn passed(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Seconds left of the first `part` of the whole time.
    fn left(&self, part: f64) -> f64 {
        part * self.seconds - self.passed()
    }
}

/// The share of the time after which no further kernel is started.
const KERNELS: f64 = 0.5;

fn time_kernels(device: &Device, clock: &Clock, say: &Say, left_out: &mut Vec<String>) -> Vec<Rate> {
    let mut rates: Vec<Rate> = vec![];
    say.text(format!("{:<14}{:<34}{:>10}{:>10}{:>8}", "", "kernel", "ms", "GFLOP/s", "GB/s"));
    for case in kernels::all() {
        // Assumes the lowest rate of its group so far, and at least four runs.
        let slowest = rates.iter().filter(|r| r.group == case.group && r.gflops > 0.0).map(|r| r.gflops);
        let expected = slowest.reduce(f64::min).map_or(0.0, |gflops| 4.0 * case.flops() * 1e-9 / gflops);
        let name = format!("{} {}", case.group, case.name);
        if clock.left(KERNELS) < expected.max(1e-9) {
            left_out.push(format!("{name}: no time left"));
            continue;
        }
        match case.measure(device) {
            Ok(rate) => {
                let Rate { group, name, milliseconds, gflops, gigabytes } = &rate;
                say.text(format!("{group:<14}{name:<34}{milliseconds:>10.3}{gflops:>10.1}{gigabytes:>8.1}"));
                rates.push(rate);
            }
            Err(error) => left_out.push(format!("{name}: {error:#}")),
        }
    }
    rates
}

fn time_steps(device: &Device, clock: &Clock, say: &Say, left_out: &mut Vec<String>) -> Vec<Step> {
    let mut steps: Vec<Step> = vec![];
    say.text(format!("\n{:<14}{:>12}{:>12}{:>12}  loss", "network", "first ms", "step ms", "items/s"));
    for (network, check) in steps::NETWORKS {
        // Each network takes at least as long as the one before, also in its first step.
        let last = steps.last().map_or(0.0, |s| (2.0 * s.first_milliseconds + 4.0 * s.milliseconds) * 1e-3);
        if clock.left(1.0) < last.max(1e-9) {
            left_out.push(format!("{network}: no time left"));
            continue;
        }
        match steps::measure(network, check, device) {
            Ok(step) => {
                let checked = match (step.cpu_losses, step.agrees()) {
                    (None, _) => "",
                    (_, true) => ", as on the CPU",
                    (_, false) => ", WRONG",
                };
                say.text(format!(
                    "{network:<14}{:>12.0}{:>12.2}{:>12.0}  {:.4}{checked}",
                    step.first_milliseconds, step.milliseconds, step.items_per_second, step.losses[0]
                ));
                steps.push(step);
            }
            Err(error) => left_out.push(format!("{network}: {error:#}")),
        }
    }
    steps
}

fn write(arguments: &Arguments, report: &Report, json: &Value, say: &Say) -> Result<()> {
    let out = &arguments.out;
    std::fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))?;
    let (file, png) = (out.join("bench.json"), out.join("bench.png"));
    std::fs::write(&file, serde_json::to_string_pretty(json)?)
        .with_context(|| format!("writing {}", file.display()))?;
    picture::draw(&png, &report.device.info.to_string(), &report.kernels, &report.steps)?;
    say.text(format!("{} and {}", file.display(), png.display()));
    Ok(())
}
