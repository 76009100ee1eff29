//! `wgrad devices`

use anyhow::Result;
use gpu_core::selftest::{DeviceReport, Machine, Severity, Verdict};

use crate::say::Say;

pub fn run(say: &Say) -> Result<()> {
    let machine = Machine::look();
    describe(&machine, say);
    say.text(advise(&machine.verdict));
    say.result(&serde_json::to_value(&machine)?);
    Ok(())
}

/// Prints the devices of a machine, some lines each.
pub fn describe(machine: &Machine, say: &Say) {
    for device in &machine.devices {
        let taken = machine.best.as_ref() == Some(&device.selector);
        say.text(format!(
            "{}  {}{}",
            device.selector,
            device.info,
            if taken { "  (taken by default)" } else { "" }
        ));
        say.text(details(device));
    }
}

fn details(device: &DeviceReport) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| text.push_str(&format!("     {name:<10} {value}\n"));
    line("vendor", device.vendor);
    if !device.driver.is_empty() {
        line("driver", &format!("{} {}", device.driver, device.driver_version));
    }
    if let Some(bytes) = device.memory_bytes {
        line("memory", &format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64));
    }
    for limit in &device.limits {
        let short = if limit.enough() { "" } else { ", TOO SMALL" };
        line("limit", &format!("{}: {} ({} needed{short})", limit.name, limit.value, limit.needed));
    }
    for feature in &device.features {
        let present = if feature.present { "yes" } else { "no" };
        line("feature", &format!("{}: {present} ({})", feature.name, feature.used_for));
    }
    line("verdict", &verdict(&device.verdict));
    text
}

/// A verdict as one line.
fn verdict(verdict: &Verdict) -> String {
    let mark = match verdict.severity {
        Severity::Good => "ok",
        Severity::Warning => "warning",
        Severity::Bad => "BAD",
    };
    format!("{mark}: {}", verdict.text)
}

/// A verdict with its advice.
pub fn advise(found: &Verdict) -> String {
    match found.advice.as_str() {
        "" => verdict(found),
        advice => format!("{}\n  -> {advice}", verdict(found)),
    }
}
