//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use serde::Serialize;

/// Trains a small network on MNIST, or on another dataset in its format.
///
/// Without --data it trains on synthetic digits, so that it runs anywhere at once.
#[derive(Debug, Parser, Serialize)]
#[command(name = "mnist", version)]
pub struct Options {
    /// A directory with train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
    /// t10k-labels-idx1-ubyte, gzipped or not
    #[arg(long)]
    pub data: Option<PathBuf>,

    /// Two convolutions and a linear layer, or three linear layers
    #[arg(long, value_enum, default_value_t = Kind::Cnn)]
    pub model: Kind,

    /// Passes over the training set [default: 10; 3 on synthetic digits]
    #[arg(long)]
    pub epochs: Option<usize>,

    /// Images per step
    #[arg(long, default_value_t = 32)]
    pub batch: usize,

    /// Adam's learning rate
    #[arg(long, default_value_t = 1e-3)]
    pub lr: f32,

    /// Share of the training images, taken from the end, for validation
    #[arg(long, default_value_t = 0.2)]
    pub validation: f64,

    /// auto, cpu, vulkan, metal, dx12, software, or an adapter's number (`wgrad devices` lists them)
    #[arg(long, default_value = "auto")]
    pub device: String,

    /// Seed of initial weights and order
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Directory for weights and logs, and with the feature `plots` for pictures
    #[arg(long, default_value = "out/mnist")]
    pub out: PathBuf,

    /// Resume from the newest checkpoint in the output directory
    #[arg(long)]
    pub resume: bool,

    /// Print only the final JSON line on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, ValueEnum)]
pub enum Kind {
    /// 34,826 parameters
    Cnn,
    /// 784-256-128-10, 235,146 parameters
    Mlp,
}
