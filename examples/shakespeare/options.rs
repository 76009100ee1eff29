//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use serde::Serialize;

/// Trains a character-level language model on a text, and samples from it.
///
/// Without --data it learns a small made-up language, so that it runs anywhere at once.
#[derive(Debug, Parser, Serialize)]
#[command(name = "shakespeare", version)]
pub struct Options {
    /// A UTF-8 text; its last tenth is for validation
    #[arg(long)]
    pub data: Option<PathBuf>,

    /// A transformer or a recurrent network
    #[arg(long, value_enum, default_value_t = Kind::Gpt)]
    pub model: Kind,

    /// Optimizer steps of the whole schedule [default: 8000; 400 on the made-up language]
    #[arg(long)]
    pub steps: Option<usize>,

    /// Stop after this many steps, in the middle of the schedule
    #[arg(long)]
    pub stop: Option<usize>,

    /// Resume from the checkpoint in the output directory
    #[arg(long)]
    pub resume: bool,

    /// Windows per step [default: 16, lstm: 32]
    #[arg(long)]
    pub batch: Option<usize>,

    /// Characters in a window
    #[arg(long, default_value_t = 128)]
    pub context: usize,

    /// Width of the network [default: 128, lstm: 256]
    #[arg(long)]
    pub width: Option<usize>,

    /// Blocks of the transformer, or recurrent layers [default: 4, lstm: 1]
    #[arg(long)]
    pub depth: Option<usize>,

    /// Attention heads of the transformer
    #[arg(long, default_value_t = 4)]
    pub heads: usize,

    /// Highest learning rate, after a linear warm-up; a cosine then lowers it to a tenth [default: 0.002, lstm: 0.004]
    #[arg(long)]
    pub lr: Option<f32>,

    /// Warm-up steps, at most a tenth of all steps
    #[arg(long, default_value_t = 200)]
    pub warmup: usize,

    /// AdamW's weight decay of matrices
    #[arg(long, default_value_t = 0.1)]
    pub weight_decay: f32,

    /// Maximum joint norm of the gradients
    #[arg(long, default_value_t = 1.0)]
    pub clip: f32,

    /// Steps between validations, each of which also writes a checkpoint
    #[arg(long, default_value_t = 500)]
    pub validate_every: usize,

    /// Beginning of the samples; its characters must occur in the text [default: a newline, or the text's first character]
    #[arg(long)]
    pub prompt: Option<String>,

    /// Characters per sample
    #[arg(long, default_value_t = 400)]
    pub length: usize,

    /// Sequences that beam search keeps
    #[arg(long, default_value_t = 4)]
    pub beams: usize,

    /// auto, cpu, vulkan, metal, dx12, software, or an adapter's number (`wgrad devices` lists them)
    #[arg(long, default_value = "auto")]
    pub device: String,

    /// Seed of initial weights, windows and samples
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Directory for weights and logs, and with the feature `plots` for pictures
    #[arg(long, default_value = "out/shakespeare")]
    pub out: PathBuf,

    /// Print only the final JSON line on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
pub enum Kind {
    Gpt,
    Lstm,
}

impl Options {
    pub fn steps(&self) -> usize {
        self.steps.unwrap_or(if self.data.is_some() { 8000 } else { 400 })
    }

    /// The given value, or the default for the transformer or the recurrent network.
    fn or<T>(&self, given: Option<T>, gpt: T, lstm: T) -> T {
        given.unwrap_or(if self.model == Kind::Gpt { gpt } else { lstm })
    }

    pub fn batch(&self) -> usize {
        self.or(self.batch, 16, 32)
    }

    pub fn width(&self) -> usize {
        self.or(self.width, 128, 256)
    }

    pub fn depth(&self) -> usize {
        self.or(self.depth, 4, 1)
    }

    pub fn lr(&self) -> f32 {
        self.or(self.lr, 2e-3, 4e-3)
    }
}
