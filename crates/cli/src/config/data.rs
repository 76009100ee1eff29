//! The data of a configuration.

use std::path::PathBuf;

use data::{AugMix, Augment, PadCropFlip, RandAugment};
use serde::{Deserialize, Serialize};

/// `[data]`: images to classify, a text to model, or a table with a column to predict.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum DataConfig {
    /// Images in any supported format: CIFAR, MNIST, folders, archives.
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
    /// A UTF-8 text, by characters; without a path, a small made-up language.
    Text {
        path: Option<PathBuf>,
        /// Windows per step.
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
    /// The rows of a CSV file.
    Table(TableConfig),
}

/// `[data]` of a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableConfig {
    pub path: PathBuf,
    /// The column to predict: a class if it has categories, a number otherwise.
    pub target: String,
    /// The columns to predict from; all others if not given.
    pub features: Option<Vec<String>>,
    /// Columns whose numbers stand for categories, such as postal codes or classes 0 and 1.
    #[serde(default)]
    pub categories: Vec<String>,
    /// The character between cells.
    #[serde(default = "comma")]
    pub delimiter: char,
    /// Share of the rows, drawn at random, that is not trained on.
    #[serde(default = "test_rows")]
    pub test: f64,
    #[serde(default = "batch")]
    pub batch: usize,
}

/// `augment = { pad = 4, flip = true, policy = "trivial" }`
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AugmentConfig {
    #[serde(default)]
    pub pad: usize,
    #[serde(default)]
    pub flip: bool,
    /// Changes of colours and shapes, which come first.
    pub policy: Option<Policy>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    Rand,
    Trivial,
    Augmix,
}

impl AugmentConfig {
    /// The augmentations in order.
    pub fn list(self) -> Vec<Augment> {
        let policy = self.policy.map(|policy| match policy {
            Policy::Rand => RandAugment::default().into(),
            Policy::Trivial => Augment::TrivialAugment,
            Policy::Augmix => AugMix::default().into(),
        });
        let crop = PadCropFlip { pad: self.pad, flip: self.flip };
        policy.into_iter().chain([crop.into()]).collect()
    }
}

impl DataConfig {
    /// Images, windows or rows per step.
    pub fn batch(&self) -> usize {
        match self {
            DataConfig::Images { batch, .. }
            | DataConfig::Shapes { batch, .. }
            | DataConfig::Digits { batch, .. }
            | DataConfig::Text { batch, .. } => *batch,
            DataConfig::Table(table) => table.batch,
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

fn comma() -> char {
    ','
}

fn test_rows() -> f64 {
    0.2
}
