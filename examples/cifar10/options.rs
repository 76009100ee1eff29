//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use serde::Serialize;

/// Trains a residual or other convolutional network on CIFAR-10 or a similar dataset.
///
/// Without --data it trains on a built-in synthetic set of ten shapes, so that it runs anywhere at once.
#[derive(Debug, Parser, Serialize)]
#[command(name = "cifar10", version)]
pub struct Options {
    /// CIFAR-10/100 in binary form (directory or .tar.gz), or images as train/CLASS/*.jpg and test/CLASS/*.jpg (directory
    /// or archive)
    #[arg(long)]
    pub data: Option<PathBuf>,

    /// Download CIFAR-10 (170 MB) into the cache and train on it; needs a build with --features download
    #[arg(long, conflicts_with = "data")]
    pub download: bool,

    /// resnet20, 32, 44, 56, 110 (He et al.'s CIFAR networks), resnet18, 34, 50, 101, 152, plain20, 32, 44, 56, 110 (without shortcuts), or cnn
    /// (four convolutions and two linear layers)
    #[arg(long, default_value = "resnet20")]
    pub model: String,

    /// Passes over the training set [default: 10; 3 on the synthetic set]
    #[arg(long)]
    pub epochs: Option<usize>,

    /// Images per step
    #[arg(long, default_value_t = 128)]
    pub batch: usize,

    /// auto, cpu, vulkan, metal, dx12, software, or an adapter's number (`wgrad devices` lists them)
    #[arg(long, default_value = "auto")]
    pub device: String,

    /// Highest learning rate of the one-cycle schedule [default: 0.3; 0.1 for networks without shortcuts, 0.05 for cnn, which has no batch norm
    /// either]
    #[arg(long)]
    pub lr: Option<f32>,

    /// Seed of initial weights, order and augmentation
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Random crops (padding 4, except in the last two epochs) and flips
    #[arg(long, value_enum, default_value_t = Switch::On)]
    pub augment: Switch,

    /// Blends images of a batch, and their labels, in pairs: mixup (Zhang et al. 2018) or CutMix (Yun et al. 2019)
    #[arg(long, value_enum, default_value_t = Mix::None)]
    pub mix: Mix,

    /// Train on this many of the training images, drawn with the seed, of every class the same share
    #[arg(long)]
    pub images: Option<usize>,

    /// Directory for weights and logs, and with the feature `plots` for pictures
    #[arg(long, default_value = "out/cifar10")]
    pub out: PathBuf,

    /// Stop after this many steps, in the middle of the schedule
    #[arg(long)]
    pub steps: Option<usize>,

    /// Resume from the newest checkpoint in the output directory
    #[arg(long)]
    pub resume: bool,

    /// Print only the final JSON line on standard output
    #[arg(long)]
    pub json: bool,
}

impl Options {
    /// The highest learning rate: the one that was asked for, or one at which the model learns.
    pub fn highest_lr(&self) -> f32 {
        self.lr.unwrap_or(match self.model.as_str() {
            "cnn" => 0.05,
            model if model.starts_with("plain") => 0.1,
            _ => 0.3,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, ValueEnum)]
pub enum Switch {
    On,
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, ValueEnum)]
pub enum Mix {
    None,
    Mixup,
    Cutmix,
}
