//! Times training steps on a device, and compares their losses with the CPU's.

use std::time::Instant;

use anyhow::Result;
use autograd::Device;
use gpu_core::Target;
use serde::Serialize;

use crate::networks::Training;

/// Networks in the order in which they are timed, and whether their losses are checked on the CPU, which is slow for the others.
pub const NETWORKS: [(&str, bool); 7] = [
    ("mlp", true),
    ("resnet20", true),
    ("gpt-mini", true),
    ("lstm", true),
    ("resnet18", false),
    ("resnet50", false),
    ("gpt-2", false),
];

/// The measurements of a network.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    pub network: &'static str,
    /// Time of the first step, which compiles.
    pub first_milliseconds: f64,
    /// Median time of later steps.
    pub milliseconds: f64,
    /// Examples or tokens per second.
    pub items_per_second: f64,
    pub losses: [f32; 2],
    /// The losses on the CPU, if they were computed.
    pub cpu_losses: Option<[f32; 2]>,
}

/// The most timed steps, and the seconds after which no further one begins.
const STEPS: usize = 60;
const SECONDS: f64 = 4.0;
/// The allowed relative difference of a loss from the CPU's.
const TOLERANCE: f32 = 1e-3;

impl Step {
    /// Whether the losses agree with the CPU's; true if those are not known.
    pub fn agrees(&self) -> bool {
        let close = |(loss, cpu): (&f32, &f32)| (loss - cpu).abs() <= TOLERANCE * cpu.abs();
        self.cpu_losses.is_none_or(|cpu| self.losses.iter().zip(&cpu).all(close))
    }
}

/// Times the training steps of a network, and computes its losses on the CPU if `check` is set.
///
/// # Errors
/// Whatever goes wrong on the device.
pub fn measure(network: &'static str, check: bool, device: &Device) -> Result<Step> {
    let mut training = Training::new(network, device)?;
    let start = Instant::now();
    let first = training.step()?;
    let first_milliseconds = start.elapsed().as_secs_f64() * 1e3;
    let losses = [first, training.step()?];
    let cpu_losses = match check && device.target() == Target::Gpu {
        true => {
            let mut reference = Training::new(network, &Device::named("cpu")?)?;
            Some([reference.step()?, reference.step()?])
        }
        false => None,
    };
    let (mut times, begin) = (vec![], Instant::now());
    while times.len() < STEPS && (times.is_empty() || begin.elapsed().as_secs_f64() < SECONDS) {
        let start = Instant::now();
        training.step()?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let items_per_second = training.items as f64 / median;
    Ok(Step { network, first_milliseconds, milliseconds: median * 1e3, items_per_second, losses, cpu_losses })
}
