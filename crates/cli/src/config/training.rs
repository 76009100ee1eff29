//! The training options of a configuration.

use autograd::Half;
use clap::ValueEnum;
use distributed::Compression;
use serde::{Deserialize, Serialize};
use train::LocalSteps;

/// `[train]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    pub epochs: usize,
    /// Optimizer steps instead of epochs.
    pub steps: Option<usize>,
    /// Maximum joint norm of the gradients.
    pub clip_norm: Option<f32>,
    /// Batches per step.
    pub accumulate: usize,
    /// Whether batch norms take statistics over the batches of all processes.
    pub sync_batch_norm: bool,
    /// With several processes: steps of each before they exchange their parameters' differences.
    pub local_steps: Option<usize>,
    /// Rate and momentum of the common step after them.
    pub outer_lr: f32,
    pub outer_momentum: f32,
    /// How what the processes exchange is compressed.
    pub compression: Option<CompressionConfig>,
    /// Decay of a moving average of the parameters, which is evaluated and saved instead of them.
    pub ema: Option<f32>,
    /// Steps between evaluations, each of which writes a checkpoint; every epoch if not given.
    pub evaluate_every: Option<usize>,
    /// Checkpoints that are kept.
    pub keep: usize,
    pub label_smoothing: f32,
    pub precision: Precision,
    pub early_stopping: Option<EarlyStoppingConfig>,
    /// Minutes after which training stops; it can be resumed.
    pub minutes: Option<f64>,
}

/// `compression = "int8"` or `compression = { top-k = 0.01 }`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompressionConfig {
    Int8,
    TopK(f32),
}

impl From<CompressionConfig> for Compression {
    fn from(config: CompressionConfig) -> Compression {
        match config {
            CompressionConfig::Int8 => Compression::Int8,
            CompressionConfig::TopK(share) => Compression::TopK(share),
        }
    }
}

/// The precision of activations kept for the backward pass.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    F32,
    F16,
    Bf16,
}

impl Precision {
    /// `None` for f32.
    pub fn half(self) -> Option<Half> {
        match self {
            Precision::F32 => None,
            Precision::F16 => Some(Half::F16),
            Precision::Bf16 => Some(Half::BF16),
        }
    }
}

/// `early_stopping = { patience = 3 }`: on the test loss for images, the validation loss for texts.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStoppingConfig {
    /// Evaluations without progress after which training stops.
    pub patience: usize,
    #[serde(default)]
    pub min_delta: f64,
}

impl Default for TrainConfig {
    fn default() -> TrainConfig {
        TrainConfig {
            epochs: 10,
            steps: None,
            clip_norm: None,
            accumulate: 1,
            sync_batch_norm: false,
            local_steps: None,
            outer_lr: LocalSteps::new(1).lr,
            outer_momentum: LocalSteps::new(1).momentum,
            compression: None,
            ema: None,
            evaluate_every: None,
            keep: 2,
            label_smoothing: 0.0,
            precision: Precision::F32,
            early_stopping: None,
            minutes: None,
        }
    }
}
