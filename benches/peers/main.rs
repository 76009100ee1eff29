//! Times training steps of the library's networks for comparison with other frameworks: sizes, initial values, data and
//! protocol are the same, and losses are checked against a float64 reference.
//!
//! ```text
//! cargo bench -p wgrad-tests --bench peers -- --workload resnet20 --device cpu
//! cargo bench -p wgrad-tests --bench peers -- --workload all --against "python bench.py" --rounds 5
//! ```
//!
//! A wrong loss ends the program with exit code 1.

mod against;
mod machine;
mod protocol;
mod reference;
mod start;
mod workload;

use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use wgrad::prelude::*;

use protocol::Options;
use workload::Workload;

#[derive(Debug, Parser)]
#[command(name = "peers")]
struct Cli {
    /// matmul-1024, mlp, resnet20, resnet18-cifar, lstm, gpt-mini, several of them with commas, or all
    #[arg(long, default_value = "all")]
    workload: String,

    /// auto, cpu, vulkan, metal, dx12, software, or an adapter's number
    #[arg(long, default_value = "cpu")]
    device: String,

    /// Print JSON lines
    #[arg(long)]
    json: bool,

    /// Minimum seconds over which steps are timed
    #[arg(long, default_value_t = 6.0)]
    seconds: f64,

    /// Another framework's command to alternate with; it gets the workload's name as its last argument and prints a JSON
    /// line of the same fields. May be given several times
    #[arg(long)]
    against: Vec<String>,

    /// Number of rounds in which each program runs once
    #[arg(long, default_value_t = 5)]
    rounds: usize,

    /// Passed by cargo bench.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<ExitCode> {
    let started = Instant::now();
    let cli = Cli::parse();
    let workloads = match cli.workload.as_str() {
        "all" => Workload::ALL.to_vec(),
        names => names.split(',').map(str::parse).collect::<Result<_>>()?,
    };
    if !cli.against.is_empty() {
        against::run(&workloads, &cli.device, cli.seconds, &cli.against, cli.rounds)?;
        return Ok(ExitCode::SUCCESS);
    }
    match workloads[..] {
        [workload] => one(&cli, workload, started),
        _ => each(&workloads),
    }
}

fn one(cli: &Cli, workload: Workload, started: Instant) -> Result<ExitCode> {
    let device = Device::named(&cli.device)?;
    let run = protocol::measure(&device, workload, &Options { seconds: cli.seconds, started })?;
    if cli.json {
        println!("{}", run.json());
    } else {
        println!("{run}");
    }
    if let Err(wrong) = reference::check(workload, &run.losses) {
        eprintln!("{workload}: {wrong}");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs each workload in its own process, so that the first step and the peak memory are its own.
fn each(workloads: &[Workload]) -> Result<ExitCode> {
    let own = std::env::current_exe().context("the path of this program")?;
    let mut code = ExitCode::SUCCESS;
    for workload in workloads {
        // Replaces the given `--workload`.
        let mut arguments: Vec<String> = std::env::args().skip(1).collect();
        let at = arguments.iter().position(|a| a.starts_with("--workload"));
        if let Some(at) = at {
            let both = if arguments[at] == "--workload" { 2 } else { 1 };
            arguments.drain(at..at + both);
        }
        let status = Command::new(&own).args(arguments).args(["--workload", workload.name()]).status()?;
        if !status.success() {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
