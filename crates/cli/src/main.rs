//! `wgrad`: trains, evaluates and inspects networks from the command line.

mod bench;
mod config;
mod convert;
mod devices;
mod doctor;
mod eval;
mod export;
mod job;
mod near;
mod networks;
mod plot;
mod predict;
mod profile;
mod report;
mod run;
mod say;
mod shaders;
mod start;
mod summary;
mod table;
mod train;
mod tune;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use say::Say;

/// Trains neural networks on any desktop GPU, or on the CPU.
#[derive(Parser)]
#[command(name = "wgrad", version, propagate_version = true)]
struct Cli {
    /// Print one line of JSON on standard output and nothing else
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train what a TOML file describes, from the start or from other weights
    Train(train::Arguments),
    /// Evaluate a run's best weights on held-out data
    Eval(eval::Arguments),
    /// Classify images, continue a text, or predict rows of a table
    Predict(predict::Arguments),
    /// Layers, parameters and multiply-adds of a configuration's or run's network
    Summary(summary::Arguments),
    /// Where a training step spends its time and memory
    Profile(profile::Arguments),
    /// Print the shaders of a training step as generated for another adapter, one line of JSON per dispatch
    Shaders(shaders::Arguments),
    /// Draw the curves of runs
    Plot(plot::Arguments),
    /// Search for the hyper-parameters that make a program's objective best
    Tune(tune::Arguments),
    /// List, rename, select, transpose, join and convert the tensors of a safetensors file
    Convert(convert::Arguments),
    /// Write a run's network as a file for other programs
    Export(export::Arguments),
    /// Test a device, and time kernels and training steps on it
    Bench(bench::Arguments),
    /// List the devices to compute on, and which one is chosen
    Devices,
    /// Check every kernel on every device against the CPU, and say how to fix problems
    Doctor(doctor::Arguments),
    /// Print a script that completes the commands in a shell
    Completions { shell: Shell },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let say = Say::new(cli.json);
    let done = match &cli.command {
        Command::Train(arguments) => train::run(arguments, &say),
        Command::Eval(arguments) => eval::run(arguments, &say),
        Command::Predict(arguments) => predict::run(arguments, &say),
        Command::Summary(arguments) => summary::run(arguments, &say),
        Command::Profile(arguments) => profile::run(arguments, &say),
        Command::Shaders(arguments) => shaders::run(arguments),
        Command::Plot(arguments) => plot::run(arguments, &say),
        Command::Tune(arguments) => tune::run(arguments, &say),
        Command::Convert(arguments) => convert::run(arguments, &say),
        Command::Export(arguments) => export::run(arguments, &say),
        Command::Bench(arguments) => bench::run(arguments, &say),
        Command::Devices => devices::run(&say),
        Command::Doctor(arguments) => doctor::run(arguments, &say),
        Command::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "wgrad", &mut std::io::stdout());
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
