//! Simulates data-parallel training on up to 1,024 GPUs: `cargo run --release --example scaling -- --help`.
//!
//! A rank computes a step, in the backward pass bucket after bucket becomes known, and a bucket is exchanged by an all-reduce as soon as it
//! is known and the one before is done. A message of `b` bytes takes `alpha + b / beta` seconds (Hockney 1994). docs/scaling.md has the
//! model, the constants, and measurements beside it.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use wgrad::train::plot::{Figure, Panel, Series};

#[derive(Debug, Parser)]
struct Options {
    /// Where to draw the picture
    #[arg(long, default_value = "runs/scaling.png")]
    out: PathBuf,

    /// Seconds that one GPU takes for a step of ResNet-50 (batch 64) and GPT-2 small (8 x 1024 tokens), if measured
    #[arg(long, num_args = 2, default_values_t = [0.11, 0.33])]
    seconds: Vec<f64>,

    /// Predict a measured step instead: parameters in millions, seconds of a step alone, microseconds of latency, GB/s, ranks
    #[arg(long, num_args = 5)]
    check: Option<Vec<f64>>,
}

/// What connects the GPUs.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Link {
    Pcie,
    TenGigabit,
    HundredMegabit,
}

impl Link {
    const ALL: [Link; 3] = [Link::Pcie, Link::TenGigabit, Link::HundredMegabit];

    fn name(self) -> &'static str {
        match self {
            Link::Pcie => "PCIe 4 x16, through the host",
            Link::TenGigabit => "10 Gbit/s Ethernet",
            Link::HundredMegabit => "100 Mbit/s internet",
        }
    }

    /// Latency in seconds and bytes a second of a message.
    fn constants(self) -> Wire {
        match self {
            Link::Pcie => Wire { alpha: 20e-6, beta: 10e9 },
            Link::TenGigabit => Wire { alpha: 50e-6, beta: 1.1e9 },
            Link::HundredMegabit => Wire { alpha: 20e-3, beta: 12e6 },
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Wire {
    alpha: f64,
    beta: f64,
}

/// What is exchanged, and when.
#[derive(Clone, Copy, Debug)]
enum Strategy {
    /// The mean of all gradients in every step.
    Mean,
    /// As `Mean` with 8 bits a value, sent by every rank to all.
    Int8,
    /// The hundredth part of largest values in every step, sent by every rank to all.
    TopK,
    /// DiLoCo with differences of 8 bits after so many steps.
    Local(usize),
}

impl Strategy {
    const ALL: [Strategy; 5] =
        [Strategy::Mean, Strategy::Int8, Strategy::TopK, Strategy::Local(50), Strategy::Local(500)];

    fn name(self) -> String {
        match self {
            Strategy::Mean => "mean".into(),
            Strategy::Int8 => "int8".into(),
            Strategy::TopK => "top 1 %".into(),
            Strategy::Local(every) => format!("local steps, {every}"),
        }
    }
}

/// A network: parameters, and seconds of a step of one GPU.
#[derive(Clone, Copy, Debug)]
struct Network {
    parameters: f64,
    seconds: f64,
}

/// The share of a step before the backward pass.
const FORWARD: f64 = 1.0 / 3.0;
/// Bytes of a bucket: an eighth of all within these bounds, as in `wgrad::distributed`.
const LEAST: f64 = (1 << 18) as f64;
const MOST: f64 = (25 << 20) as f64;

impl Wire {
    /// An all-reduce of `bytes` over `ranks`, as Open MPI's: a ring, in which each sends 2 (n - 1) messages of the n-th part; below four
    /// ranks a sum at rank 0 and a broadcast from there.
    fn all_reduce(self, bytes: f64, ranks: f64) -> f64 {
        if ranks < 4.0 {
            return 2.0 * ranks.log2().ceil() * (self.alpha + bytes / self.beta);
        }
        2.0 * (ranks - 1.0) * (self.alpha + bytes / ranks / self.beta)
    }

    /// Every rank's `bytes` to all others, around the ring.
    fn gather(self, bytes: f64, ranks: f64) -> f64 {
        (ranks - 1.0) * (self.alpha + bytes / self.beta)
    }

    /// Seconds of a step.
    fn step(self, network: Network, strategy: Strategy, ranks: f64) -> f64 {
        let Network { parameters, seconds } = network;
        let exchange = |bytes: f64| match strategy {
            Strategy::Mean | Strategy::Local(_) => self.all_reduce(bytes, ranks),
            Strategy::Int8 => self.gather(bytes / 4.0, ranks),
            Strategy::TopK => self.gather(bytes / 50.0, ranks),
        };
        if ranks == 1.0 {
            return seconds;
        }
        if let Strategy::Local(every) = strategy {
            return seconds + self.gather(parameters, ranks) / every as f64;
        }
        let (mut known, mut free) = (0.0, 0.0f64);
        let bucket = (4.0 * parameters / 8.0).clamp(LEAST, MOST);
        while known < 4.0 * parameters {
            let bytes = bucket.min(4.0 * parameters - known);
            known += bytes;
            let computed = seconds * (FORWARD + (1.0 - FORWARD) * known / (4.0 * parameters));
            free = free.max(computed) + exchange(bytes);
        }
        free.max(seconds)
    }

    /// Images or tokens a second relative to as many GPUs without an exchange.
    fn efficiency(self, network: Network, strategy: Strategy, ranks: f64) -> f64 {
        network.seconds / self.step(network, strategy, ranks)
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(&[parameters, seconds, alpha, beta, ranks]) = options.check.as_deref() {
        let wire = Wire { alpha: alpha * 1e-6, beta: beta * 1e9 };
        let network = Network { parameters: parameters * 1e6, seconds };
        let step = wire.step(network, Strategy::Mean, ranks);
        println!("{:.1} ms a step, efficiency {:.3}", 1e3 * step, seconds / step);
        return Ok(());
    }
    let networks = [
        ("ResNet-50", Network { parameters: 25.6e6, seconds: options.seconds[0] }),
        ("GPT-2 small", Network { parameters: 124.4e6, seconds: options.seconds[1] }),
    ];
    let counts: Vec<f64> = (0..=10).map(|k| f64::from(1 << k)).collect();
    let mut figure = Figure::new("Efficiency of data-parallel training, simulated").columns(3);
    for (name, network) in networks {
        for link in Link::ALL {
            println!("\n{name}, {} (ms a step alone: {:.0})", link.name(), 1e3 * network.seconds);
            println!("{:>20} {}", "GPUs", counts.iter().map(|n| format!("{n:>7}")).collect::<String>());
            let mut panel = Panel::new(format!("{name}, {}", link.name()), "GPUs", "efficiency").log_x();
            for strategy in Strategy::ALL {
                let found: Vec<f64> =
                    counts.iter().map(|&n| link.constants().efficiency(network, strategy, n)).collect();
                println!(
                    "{:>20} {}",
                    strategy.name(),
                    found.iter().map(|e| format!("{e:>7.3}")).collect::<String>()
                );
                panel = panel.with(Series::new(strategy.name(), counts.iter().copied().zip(found)).exact());
            }
            figure = figure.panel(panel);
        }
    }
    if let Some(directory) = options.out.parent() {
        std::fs::create_dir_all(directory)?;
    }
    figure.save(&options.out)?;
    println!("\n{}", options.out.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_by_hand() {
        let wire = Wire { alpha: 1e-3, beta: 1e9 };
        // 8 MB over 4 ranks: 6 messages of 2 MB.
        assert!((wire.all_reduce(8e6, 4.0) - 6.0 * 3e-3).abs() < 1e-12);
        // Over 2 ranks there and back.
        assert!((wire.all_reduce(8e6, 2.0) - 2.0 * 9e-3).abs() < 1e-12);
        // A bucket that is known with the end of the step is not hidden at all.
        let network = Network { parameters: 1000.0, seconds: 0.5 };
        assert!((wire.step(network, Strategy::Mean, 2.0) - (0.5 + 2.0 * (1e-3 + 4e-6))).abs() < 1e-9);
        // With many buckets only the last one is left.
        let network = Network { parameters: 65e6, seconds: 5.0 };
        let last = wire.all_reduce(260e6 - 9.0 * MOST, 2.0);
        assert!((wire.step(network, Strategy::Mean, 2.0) - 5.0 - last).abs() < 1e-6);
        // A link that is always busy decides.
        let slow = Wire { alpha: 0.0, beta: 1e6 };
        let step = slow.step(network, Strategy::Mean, 2.0);
        assert!((520.0..520.0 + 5.0).contains(&step), "{step}");
        assert!((slow.step(network, Strategy::Local(50), 2.0) - (5.0 + 65.0 / 50.0)).abs() < 1e-9);
    }
}
