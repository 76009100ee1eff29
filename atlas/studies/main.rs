//! Runs the studies and checks their figures against expected ranges: `cargo run --release -p wgrad-atlas -- --list`.

mod ablation;
mod areas;
mod energy;
mod generative;
mod graphs;
mod inference;
mod multimodal;
mod numerics;
mod page;
mod practice;
mod production;
mod reinforcement;
mod representation;
mod sequences;
mod supervised;
mod theory;
mod unsupervised;
mod vision;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use atlas::{Report, Setup, Study};
use clap::Parser;

use ablation::Ablation;
use areas::{AREAS, Area};
use page::Entry;

/// Runs studies: prints a table of figures and a line of JSON for each; fails if a figure misses its range.
#[derive(Debug, Parser)]
#[command(name = "atlas", version)]
struct Options {
    /// Studies to run, by name
    names: Vec<String>,

    /// Run all studies
    #[arg(long, conflicts_with = "names")]
    all: bool,

    /// Run the studies that are marked for GPU adapters
    #[arg(long, conflicts_with_all = ["names", "all"])]
    subset: bool,

    /// List the studies, one per line with its area, and run nothing
    #[arg(long)]
    list: bool,

    /// auto, cpu, vulkan, metal, dx12, software, or an adapter's number (`wgrad devices` lists them)
    #[arg(long, default_value = "auto")]
    device: String,

    /// Run on this device too, and compare the figures that must be the same on every device
    #[arg(long)]
    against: Option<String>,

    /// The seed of data, initial weights and noise; with several, commas between, each study runs with each
    #[arg(long, default_value = "1", value_delimiter = ',')]
    seed: Vec<u64>,

    /// Fewer steps and less data: the figures' expected ranges still hold
    #[arg(long)]
    small: bool,

    /// Studies that run with the full budget although `--small` is given, by name with commas between
    #[arg(long, value_delimiter = ',', requires = "small")]
    full: Vec<String>,

    /// Real data in place of a study's built-in data; its figures are then not checked against the expected ranges
    #[arg(long)]
    data: Option<PathBuf>,

    /// The directory for pictures, with one subdirectory per study
    #[arg(long, default_value = "out")]
    out: PathBuf,

    /// Write a page of the figures and pictures, in Markdown
    #[arg(long)]
    page: Option<PathBuf>,

    /// Set every learning rate to 0, and list the studies whose figures are in their ranges nevertheless; fails if they are not those for which
    /// a reason is known
    #[arg(long, conflicts_with_all = ["against", "page", "data"])]
    untrained: bool,

    /// Give the studies their training targets in random order, and list those whose figures are in their ranges nevertheless; fails as
    /// --untrained does
    #[arg(long, conflicts_with_all = ["against", "page", "data", "untrained"])]
    shuffled: bool,

    /// Print nothing but the lines of JSON
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

/// Runs the selected studies; returns whether every figure was in its range.
fn run(options: &Options) -> Result<bool> {
    if options.list {
        AREAS.iter().for_each(list);
        return Ok(true);
    }
    let chosen = chosen(options)?;
    let ablations = [(options.untrained, Ablation::Training), (options.shuffled, Ablation::Targets)];
    if let Some((_, ablation)) = ablations.into_iter().find(|(asked, _)| *asked) {
        ablation.begin();
        let passes = |study: &'static Study| {
            let pass = |&seed| {
                attempt(options, study, seed, &options.device, false)
                    .is_ok_and(|report| report.missed().is_empty())
            };
            options.seed.iter().all(pass)
        };
        return Ok(ablation.check(chosen.iter().map(|(_, study)| (study.name, passes(study)))));
    }
    let alone = chosen.len() == 1;
    let mut entries = Vec::new();
    let mut wrong = Vec::new();
    for (area, study) in chosen {
        let entry = runs(options, area, study, alone);
        let failed = entry.failed.iter().map(|(_, error)| error);
        let missed = entry.runs.iter().flat_map(Report::missed).map(|missed| &missed.name).chain(failed);
        wrong.extend(missed.map(|what| format!("{}: {what}", study.name)));
        if let Some(other) = &options.against {
            let apart = |run: &Report| disagreements(options, study, run, other);
            wrong.extend(entry.runs.iter().flat_map(apart));
        }
        entries.push(entry);
    }
    if let Some(path) = &options.page {
        page::write(path, &command(options), &entries)?;
    }
    if !options.json && !alone {
        let figures: usize =
            entries.iter().flat_map(|entry| &entry.runs).map(|report| report.figures.len()).sum();
        println!("\n{} studies, {figures} figures, {} not as expected", entries.len(), wrong.len());
    }
    wrong.iter().for_each(|wrong| eprintln!("not as expected: {wrong}"));
    Ok(wrong.is_empty())
}

/// Runs a study with every seed.
fn runs(options: &Options, area: &'static Area, study: &'static Study, alone: bool) -> Entry {
    let mut entry = Entry { area, study, runs: Vec::new(), failed: Vec::new() };
    for &seed in &options.seed {
        match attempt(options, study, seed, &options.device, alone) {
            Ok(report) => {
                say(options, &report);
                entry.runs.push(report);
            }
            Err(error) => entry.failed.push((seed, format!("{error:#}"))),
        }
    }
    entry
}

/// The command for the page of these options, with the defaults left out.
fn command(options: &Options) -> String {
    let chosen = if options.all { "--all".into() } else { options.names.join(" ") };
    let small = if options.small { " --small" } else { "" };
    let full =
        if options.full.is_empty() { String::new() } else { format!(" --full {}", options.full.join(",")) };
    let seeds: Vec<String> = options.seed.iter().map(u64::to_string).collect();
    let seed = if options.seed == [1] { String::new() } else { format!(" --seed {}", seeds.join(",")) };
    format!("{chosen}{small}{full}{seed}")
}

fn list(area: &Area) {
    for study in area.studies {
        println!("{:14} {:24} {}", area.name, study.name, study.about);
    }
}

fn chosen(options: &Options) -> Result<Vec<(&'static Area, &'static Study)>> {
    let all = || AREAS.iter().flat_map(|area| area.studies.iter().map(move |study| (area, *study)));
    ensure!(
        options.all || options.subset || !options.names.is_empty(),
        "name studies (--list shows them), or give --all or --subset"
    );
    let mut named = options.names.iter().chain(&options.full);
    if let Some(name) = named.find(|name| !all().any(|(_, study)| study.name == name.as_str())) {
        bail!("there is no study {name}: --list shows them");
    }
    let wanted = |study: &Study| {
        options.all || options.subset && study.on_gpu || options.names.iter().any(|name| name == study.name)
    };
    let chosen: Vec<_> = all().filter(|(_, study)| wanted(study)).collect();
    if options.data.is_some() {
        match &chosen[..] {
            [(_, study)] => ensure!(study.data.is_some(), "{} takes no --data", study.name),
            _ => bail!("--data is for one study"),
        }
    }
    Ok(chosen)
}

/// Runs a study; a panic counts as a failure, so that the others still run.
fn attempt(options: &Options, study: &'static Study, seed: u64, device: &str, alone: bool) -> Result<Report> {
    let out = options.out.join(study.name);
    let setup = Setup {
        device: device.into(),
        seed,
        small: options.small && !options.full.iter().any(|name| name == study.name),
        data: options.data.clone(),
        // Pictures of further seeds are kept apart from those of the first.
        out: if seed == options.seed[0] { out } else { out.join(format!("seed-{seed}")) },
        quiet: options.json || !alone,
    };
    match catch_unwind(AssertUnwindSafe(|| Report::of(study, &setup))) {
        Ok(report) => report,
        Err(_) => bail!("panicked"),
    }
}

/// Runs the study on another device, and returns which of the figures that should agree do not.
fn disagreements(options: &Options, study: &'static Study, report: &Report, device: &str) -> Vec<String> {
    let other = match attempt(options, study, report.seed, device, false) {
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
    if !options.json {
        println!("{report}");
    }
    println!("{}", report.json());
}
