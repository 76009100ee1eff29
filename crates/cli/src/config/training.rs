//! How long, and with what around it.

use autograd::Half;
use serde::{Deserialize, Serialize};

/// `[train]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    pub epochs: usize,
    /// Optimizer steps instead of epochs.
    pub steps: Option<usize>,
    /// Gradients are scaled down to this joint norm.
    pub clip_norm: Option<f32>,
    /// Batches a step.
    pub accumulate: usize,
    /// Decay of an average of the parameters that is evaluated and kept instead of them.
    pub ema: Option<f32>,
    /// Steps between evaluations, each of which writes a checkpoint; every epoch if not given.
    pub evaluate_every: Option<usize>,
    /// Checkpoints that are kept.
    pub keep: usize,
    pub label_smoothing: f32,
    pub precision: Precision,
    pub early_stopping: Option<EarlyStoppingConfig>,
    /// Minutes after which training stops, to go on later.
    pub minutes: Option<f64>,
}

/// What is kept between the forward and the backward pass.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
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

/// `early_stopping = { patience = 3 }`: of the test loss of images, the validation loss of texts.
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
