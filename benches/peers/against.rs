//! Runs wgrad and other programs alternately, so that other load on the machine affects all of them.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::workload::Workload;

/// Alternates this program and `peers` for `rounds` rounds of every workload, and prints medians over the rounds with their
/// ratios as a Markdown table. Each process runs in its own empty directory.
pub fn run(
    workloads: &[Workload],
    device: &str,
    seconds: f64,
    peers: &[String],
    rounds: usize,
) -> Result<()> {
    let own = std::env::current_exe().context("the path of this program")?;
    let own = format!("{:?} --device {device} --seconds {seconds} --json --workload", own);
    let commands: Vec<&String> = [&own].into_iter().chain(peers).collect();
    println!("{HEADER}");
    for workload in workloads {
        let mut lines: Vec<Vec<Value>> = vec![vec![]; commands.len()];
        for round in 0..rounds {
            for (command, lines) in commands.iter().zip(&mut lines) {
                match line(command, *workload) {
                    Ok(line) => lines.push(line),
                    Err(error) => eprintln!("{workload}, round {}: {error:#}", round + 1),
                }
            }
        }
        let reference = median(&lines[0], "step_ms_median");
        for lines in lines.iter().filter(|l| !l.is_empty()) {
            println!("{}", row(*workload, lines, reference));
        }
    }
    Ok(())
}

const HEADER: &str = "\
| workload | | step ms, median of rounds | range of medians | wgrad is faster by | items/s | first step ms | peak MB | launches | plan MB | other cores |
|---|---|---|---|---|---|---|---|---|---|---|";

fn line(command: &str, workload: Workload) -> Result<Value> {
    let directory = tempfile::tempdir()?;
    let output = Command::new("sh")
        .args(["-c", &format!("{command} {workload}")])
        .current_dir(&directory)
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("cannot start {command}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().rev().find_map(|l| serde_json::from_str(l).ok());
    match line {
        Some(line) if output.status.success() => Ok(line),
        _ => bail!("{command}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()),
    }
}

fn values(lines: &[Value], field: &str) -> Vec<f64> {
    let mut values: Vec<f64> = lines.iter().filter_map(|l| l[field].as_f64()).collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(lines: &[Value], field: &str) -> f64 {
    let values = values(lines, field);
    match values.len() {
        0 => f64::NAN,
        n => (values[(n - 1) / 2] + values[n / 2]) / 2.0,
    }
}

fn row(workload: Workload, lines: &[Value], reference: f64) -> String {
    let of = |field| median(lines, field);
    let medians = values(lines, "step_ms_median");
    format!(
        "| {workload} | {} | {} | {} to {} | {:.2} | {} | {} | {} | {} | {} | {} |",
        lines[0]["framework"].as_str().unwrap_or("?"),
        short(of("step_ms_median")),
        short(medians[0]),
        short(medians[medians.len() - 1]),
        of("step_ms_median") / reference,
        short(of("items_per_s")),
        short(of("first_step_ms")),
        short(of("peak_rss_mb")),
        short(of("launches")),
        short(of("plan_bytes") / 1e6),
        short(of("other_cores")),
    )
}

/// A number with about three digits; empty for NaN, which stands for a missing value.
fn short(x: f64) -> String {
    if x.is_nan() {
        return String::new();
    }
    let digits = if x >= 100.0 {
        0
    } else if x >= 10.0 {
        1
    } else {
        2
    };
    format!("{x:.digits$}")
}
