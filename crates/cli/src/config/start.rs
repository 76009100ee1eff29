//! The start of a fine-tuning run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[start]`: weights to start from, and what to do with the parts of the network. Patterns are those of `Params::freeze`: names in which
/// `*` stands for anything.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartConfig {
    /// A safetensors file with the network's names.
    pub weights: PathBuf,
    /// Tensors of the network that are not loaded, such as a head for other classes.
    #[serde(default)]
    pub new: Vec<String>,
    /// Tensors of the file that the network lacks.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// Parameters that are not trained.
    #[serde(default)]
    pub freeze: Vec<String>,
    /// Factors on the learning rate.
    #[serde(default)]
    pub rates: BTreeMap<String, f32>,
}
