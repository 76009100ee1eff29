//! What textbooks do to a trained network, on a ResNet for CIFAR-10: adversarial attacks and training against them, pruning, distillation.
//!
//! ```sh
//! cargo run --release --example cifar10 -- --data CIFAR10
//! cargo run --release -p wgrad-atlas --example resnet -- --data CIFAR10 --weights out/cifar10/best.safetensors attack
//! ```
//!
//! Prints a line of JSON at the end, and leaves pictures and weights in `--out`.

mod attack;
mod distill;
mod prune;
mod subject;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

use subject::Subject;

#[derive(Debug, Parser)]
pub struct Options {
    /// Images as `wgrad::data::load` reads them; ten drawn shapes if not given
    #[arg(long)]
    pub data: Option<PathBuf>,

    /// Weights of the example `cifar10` for the same images; without them, the network is trained first
    #[arg(long)]
    pub weights: Option<PathBuf>,

    /// Depth of the network: 8, 20, 32, 44, 56 or 110
    #[arg(long, default_value_t = 20)]
    pub depth: usize,

    /// Passes over the training images of a network without given weights
    #[arg(long, default_value_t = 3)]
    pub epochs: usize,

    /// Test images, drawn from all classes
    #[arg(long, default_value_t = 2000)]
    pub test: usize,

    /// Images per step
    #[arg(long, default_value_t = 64)]
    pub batch: usize,

    /// auto, cpu, vulkan, metal, dx12, software, or an adapter's number
    #[arg(long, default_value = "auto")]
    pub device: String,

    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Directory for pictures and weights
    #[arg(long, default_value = "out/resnet")]
    pub out: PathBuf,

    /// Print only the final JSON line on standard output
    #[arg(long)]
    pub json: bool,

    #[command(subcommand)]
    pub method: Method,
}

#[derive(Debug, Subcommand)]
pub enum Method {
    /// FGSM (Goodfellow et al. 2015) and PGD (Madry et al. 2018), before and after adversarial training
    Attack(attack::Attack),
    /// Magnitude pruning (Han et al. 2015) against random pruning, with and without fine-tuning
    Prune(prune::Prune),
    /// A ResNet-8 that learns from labels, and from labels and the network (Hinton et al. 2015)
    Distill(distill::Distill),
}

fn main() -> Result<()> {
    let options = Options::parse();
    let subject = Subject::new(&options)?;
    let figures = match &options.method {
        Method::Attack(attack) => attack.run(&subject)?,
        Method::Prune(prune) => prune.run(&subject)?,
        Method::Distill(distill) => distill.run(&subject)?,
    };
    println!("{figures}");
    Ok(())
}
