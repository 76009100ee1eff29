//! Training steps of the library's networks timed as other frameworks time theirs: the same sizes, starting numbers, data and
//! protocol, and the losses checked against a float64 reference.
//!
//! ```text
//! cargo bench --bench peers -- --workload resnet20 --device cpu
//! cargo bench --bench peers -- --workload all --against "python bench.py" --rounds 5
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

    /// Seconds to time steps for, at least
    #[arg(long, default_value_t = 6.0)]
    seconds: f64,

    /// Another framework's command to alternate with; it gets the workload's name as its last argument and prints a JSON
    /// line of the same fields. May be given several times
    #[arg(long)]
    against: Vec<String>,

    /// How often each takes its turn
    #[arg(long, default_value_t = 5)]
    rounds: usize,

    /// Given by cargo bench.
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

/// A process each: the first step and the peak of memory are the workload's own.
fn each(workloads: &[Workload]) -> Result<ExitCode> {
    let own = std::env::current_exe().context("the path of this program")?;
    let mut code = ExitCode::SUCCESS;
    for workload in workloads {
        // The last `--workload` counts.
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
