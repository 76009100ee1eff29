//! What is learned from.

use std::path::PathBuf;

use data::Augment;
use serde::{Deserialize, Serialize};

/// `[data]`: images to classify, or a text to go on with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum DataConfig {
    /// Images of any kind that the library knows: CIFAR, MNIST, folders, archives.
    Images {
        path: PathBuf,
        #[serde(default = "batch")]
        batch: usize,
        augment: Option<AugmentConfig>,
    },
    /// Ten drawn shapes in colour, 32x32.
    Shapes {
        #[serde(default = "train_images")]
        train: usize,
        #[serde(default = "test_images")]
        test: usize,
        #[serde(default = "batch")]
        batch: usize,
        augment: Option<AugmentConfig>,
    },
    /// Ten drawn digits in grey, 28x28.
    Digits {
        #[serde(default = "train_images")]
        train: usize,
        #[serde(default = "test_images")]
        test: usize,
        #[serde(default = "batch")]
        batch: usize,
        augment: Option<AugmentConfig>,
    },
    /// A UTF-8 text, by characters; a small made-up language without a path.
    Text {
        path: Option<PathBuf>,
        /// Windows a step.
        #[serde(default = "windows")]
        batch: usize,
        /// Characters in a window.
        #[serde(default = "context")]
        context: usize,
        /// Share of the text, the last part, that is not trained on.
        #[serde(default = "validation")]
        validation: f64,
        /// Steps that count as an epoch; every window once if not given.
        steps: Option<usize>,
    },
}

/// `augment = { pad = 4, flip = true }`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AugmentConfig {
    #[serde(default)]
    pub pad: usize,
    #[serde(default)]
    pub flip: bool,
}

impl From<AugmentConfig> for Augment {
    fn from(AugmentConfig { pad, flip }: AugmentConfig) -> Augment {
        Augment { pad, flip }
    }
}

impl DataConfig {
    /// Images or windows a step.
    pub fn batch(&self) -> usize {
        match self {
            DataConfig::Images { batch, .. }
            | DataConfig::Shapes { batch, .. }
            | DataConfig::Digits { batch, .. }
            | DataConfig::Text { batch, .. } => *batch,
        }
    }
}

fn batch() -> usize {
    128
}

fn windows() -> usize {
    16
}

fn context() -> usize {
    128
}

fn train_images() -> usize {
    10_000
}

fn test_images() -> usize {
    2_000
}

fn validation() -> f64 {
    0.1
}
