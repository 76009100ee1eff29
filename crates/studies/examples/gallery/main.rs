//! Every system of the texts, run and held against what it should give: `cargo run --release --example gallery -- --all`.

mod areas;
mod page;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use clap::Parser;
use studies::{Report, Setup, Study};

use areas::{AREAS, Area};

/// Runs studies with small budgets, and fails where a figure misses its expected range.
#[derive(Debug, Parser)]
#[command(name = "gallery", version)]
struct Options {
    /// Studies to run, by name
    names: Vec<String>,

    /// Run all studies
    #[arg(long, conflicts_with = "names")]
    all: bool,

    /// Run the small set of each area that is marked for GPU adapters
    #[arg(long, conflicts_with_all = ["names", "all"])]
    subset: bool,

    /// Name the studies, a line each with their area, and run nothing
    #[arg(long)]
    list: bool,

    /// auto, cpu, vulkan, metal, dx12, software, or an adapter's number
    #[arg(long, default_value = "auto")]
    device: String,

    /// Run on this device too, and hold the figures that are the same on every device against each other
    #[arg(long)]
    against: Option<String>,

    /// What data, initial weights and noise are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Run with the full budgets
    #[arg(long)]
    full: bool,

    /// Where pictures go, a directory a study
    #[arg(long, default_value = "out")]
    out: PathBuf,

    /// Write a page of the figures and pictures, in Markdown
    #[arg(long)]
    page: Option<PathBuf>,

    /// Print a JSON line a study and nothing else
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("Error: {error:?}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every figure was as expected.
fn run(options: &Options) -> Result<bool> {
    if options.list {
        for area in AREAS {
            area.studies
                .iter()
                .for_each(|study| println!("{:14} {:24} {}", area.name, study.name, study.about));
        }
        return Ok(true);
    }
    let chosen = chosen(options)?;
    let mut reports = Vec::new();
    let mut wrong = Vec::new();
    for (area, study) in chosen {
        match attempt(options, study, &options.device) {
            Ok(report) => {
                say(options, &report);
                wrong.extend(report.missed().iter().map(|missed| format!("{}: {}", study.name, missed.name)));
                if let Some(other) = &options.against {
                    wrong.extend(disagreements(options, study, &report, other));
                }
                reports.push((area, study, report));
            }
            Err(error) => wrong.push(format!("{}: {error:#}", study.name)),
        }
    }
    if let Some(path) = &options.page {
        page::write(path, &reports)?;
    }
    let figures: usize = reports.iter().map(|(_, _, report)| report.figures.len()).sum();
    if !options.json {
        println!("\n{} studies, {figures} figures, {} not as expected", reports.len(), wrong.len());
    }
    wrong.iter().for_each(|wrong| eprintln!("not as expected: {wrong}"));
    Ok(wrong.is_empty())
}

fn chosen(options: &Options) -> Result<Vec<(&'static Area, &'static Study)>> {
    let all = || AREAS.iter().flat_map(|area| area.studies.iter().map(move |study| (area, *study)));
    ensure!(
        options.all || options.subset || !options.names.is_empty(),
        "name studies (--list shows them), or give --all or --subset"
    );
    if let Some(name) = options.names.iter().find(|name| !all().any(|(_, study)| study.name == **name)) {
        bail!("there is no study {name}: --list shows them");
    }
    let wanted = |study: &Study| {
        options.all || options.subset && study.on_gpu || options.names.iter().any(|name| name == study.name)
    };
    Ok(all().filter(|(_, study)| wanted(study)).collect())
}

/// Runs a study; one that panics has failed, and the others go on.
fn attempt(options: &Options, study: &'static Study, device: &str) -> Result<Report> {
    let setup = Setup {
        device: device.into(),
        seed: options.seed,
        small: !options.full,
        data: None,
        out: options.out.join(study.name),
        quiet: true,
    };
    match catch_unwind(AssertUnwindSafe(|| Report::of(study, &setup))) {
        Ok(report) => report,
        Err(_) => bail!("panicked"),
    }
}

/// Runs the study on another device, and tells which figures that should be the same are not.
fn disagreements(options: &Options, study: &'static Study, report: &Report, device: &str) -> Vec<String> {
    let other = match attempt(options, study, device) {
        Ok(other) => other,
        Err(error) => return vec![format!("{} on {device}: {error:#}", study.name)],
    };
    say(options, &other);
    let missed =
        other.missed().into_iter().map(|missed| format!("{} on {device}: {}", study.name, missed.name));
    let apart = report.figures.iter().zip(&other.figures).filter_map(|(one, other)| {
        let apart = (one.value - other.value).abs();
        one.tolerance.filter(|&tolerance| apart.is_nan() || apart > tolerance).map(|tolerance| {
            format!(
                "{}: {} differs by {apart:.3e} between devices, more than {tolerance:e}",
                study.name, one.name
            )
        })
    });
    missed.chain(apart).collect()
}

fn say(options: &Options, report: &Report) {
    if options.json { println!("{}", report.json()) } else { print!("{report}") }
}
