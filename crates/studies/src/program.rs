//! A study as a program of its own.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches, Parser};

use crate::{Lab, Report, Setup};

/// One system of the texts, built, run and measured.
#[derive(Debug, Clone, Copy)]
pub struct Study {
    /// The program's name, and that of its pictures' directory.
    pub name: &'static str,
    /// What it shows, in a sentence.
    pub about: &'static str,
    /// Whether it belongs to the small set that the gallery also runs on GPU adapters.
    pub on_gpu: bool,
    /// What `--data` takes, where the study can work on real data.
    pub data: Option<&'static str>,
    /// The work.
    pub run: fn(&mut Lab) -> Result<()>,
}

/// The options of every study.
#[derive(Debug, Parser)]
struct Options {
    /// auto, cpu, vulkan, metal, dx12, software, or an adapter's number (see the devices example)
    #[arg(long, default_value = "auto")]
    device: String,

    /// What data, initial weights and noise are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Fewer steps and less data: the figures' expected ranges still hold
    #[arg(long)]
    small: bool,

    /// Real data in place of the built-in data; the figures are then not held against the expected ranges
    #[arg(long)]
    data: Option<PathBuf>,

    /// Where pictures go [default: out/NAME]
    #[arg(long)]
    out: Option<PathBuf>,

    /// Print nothing but the final JSON line
    #[arg(long)]
    json: bool,
}

/// Runs a study from the command line: a table of figures, then a line of JSON; fails where a figure misses its range.
pub fn main(study: &'static Study) -> ExitCode {
    let about = match study.data {
        Some(data) => format!("{}\n\n--data takes {data}.", study.about),
        None => study.about.into(),
    };
    let matches = Options::command().name(study.name).about(about).get_matches();
    let options = Options::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let setup = Setup {
        device: options.device,
        seed: options.seed,
        small: options.small,
        data: options.data,
        out: options.out.unwrap_or_else(|| PathBuf::from("out").join(study.name)),
        quiet: options.json,
    };
    match Report::of(study, &setup) {
        Err(error) => {
            eprintln!("Error: {error:?}");
            ExitCode::FAILURE
        }
        Ok(report) => {
            if !setup.quiet {
                println!("{report}");
            }
            println!("{}", report.json());
            if report.missed().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}
