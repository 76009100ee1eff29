//! `wgrad doctor`

use anyhow::{Result, ensure};
use clap::Args;
use gpu_core::Device;
use gpu_core::selftest::{self, KernelReport, Machine, SelfTest, Severity};
use serde::Serialize;

use crate::devices::{advise, describe};
use crate::say::Say;

#[derive(Args)]
pub struct Arguments {
    /// Test this device alone: cpu, vulkan, metal, dx12, software, or a number of `wgrad devices`
    #[arg(long)]
    device: Option<String>,
}

#[derive(Serialize)]
struct Report {
    machine: Machine,
    tests: Vec<SelfTest>,
    /// Errors of devices that could not be opened.
    errors: Vec<String>,
    passed: bool,
}

pub fn run(arguments: &Arguments, say: &Say) -> Result<()> {
    let machine = Machine::look();
    describe(&machine, say);
    let selectors = match &arguments.device {
        Some(name) => vec![name.clone()],
        None => machine.devices.iter().map(|device| device.selector.clone()).collect(),
    };
    let mut report = Report { machine, tests: vec![], errors: vec![], passed: true };
    for selector in selectors {
        match Device::named(&selector) {
            Ok(device) => report.tests.push(test(&device, say)),
            Err(error) => report.errors.push(error.to_string()),
        }
    }
    let right = report.tests.iter().all(SelfTest::passed);
    report.passed = right && report.errors.is_empty() && report.machine.verdict.severity != Severity::Bad;
    conclude(&report, say);
    say.result(&serde_json::to_value(&report)?);
    ensure!(report.passed, "not all devices of this machine can be relied on");
    Ok(())
}

/// Tests a device, and prints a line for each kernel once it is done.
fn test(device: &Device, say: &Say) -> SelfTest {
    say.text(format!("\n{}", device.info()));
    say.text(format!("  {:<26} {:>5} {:>10} {:>7} {:>8}", "kernel", "cases", "difference", "allowed", "ms"));
    let test = selftest::run(device, |kernel| say.text(row(kernel)));
    say.text(format!("  cooperative matrices: {}", test.cooperative));
    test
}

fn row(kernel: &KernelReport) -> String {
    let KernelReport { name, cases, difference, allowed, milliseconds, .. } = kernel;
    let line = format!("  {name:<26} {cases:>5} {difference:>10.1e} {allowed:>7.0e} {milliseconds:>8.1}");
    match &kernel.error {
        Some(error) => format!("{line}  FAILED\n      {error}"),
        None => line,
    }
}

fn conclude(report: &Report, say: &Say) {
    say.text("");
    for error in &report.errors {
        say.text(format!("BAD: {error}"));
    }
    for test in &report.tests {
        let failed: Vec<&str> = test.kernels.iter().filter(|k| !k.passed).map(|k| k.name).collect();
        say.text(match failed.is_empty() {
            true => format!("ok: {}: all {} kernels agree with the CPU's", test.device, test.kernels.len()),
            false => format!(
                "BAD: {}: wrong results of {}\n  -> update the driver; until then train with the device cpu",
                test.device,
                failed.join(", ")
            ),
        });
    }
    let cache = &report.machine.cache;
    let place = cache.directory.as_ref().map_or("none".into(), |path| path.display().to_string());
    say.text(format!("cache directory: {place}\n{}", advise(&cache.verdict)));
    say.text(advise(&report.machine.verdict));
}
