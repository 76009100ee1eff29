//! The configuration of `wgrad train`.

mod data;
mod error;
mod keys;
mod model;
mod optimizer;
mod start;
mod training;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use data::{AugmentConfig, DataConfig, TableConfig};
pub use error::ConfigError;
pub use model::{ModelConfig, Network, TextModel};
pub use optimizer::{OptimizerConfig, Rates, ScheduleConfig};
pub use start::StartConfig;
pub use training::{Precision, TrainConfig};

/// The file that `wgrad train` reads. Everything but `[data]` and `[model]` is optional.
///
/// ```toml
/// [data]
/// kind = "shapes"
///
/// [model]
/// kind = "resnet20"
///
/// [train]
/// epochs = 3
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The directory of the run; `runs/` and the name of the file if not given.
    pub out: Option<PathBuf>,
    /// As in `--device`.
    #[serde(default = "auto")]
    pub device: String,
    #[serde(default)]
    pub seed: u64,
    pub data: DataConfig,
    pub model: ModelConfig,
    pub start: Option<StartConfig>,
    #[serde(default)]
    pub optimizer: OptimizerConfig,
    #[serde(default)]
    pub schedule: ScheduleConfig,
    #[serde(default)]
    pub train: TrainConfig,
}

fn auto() -> String {
    "auto".into()
}

impl Config {
    /// Reads a TOML file.
    pub fn read(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let mut config: Config =
            toml::from_str(&text).map_err(|fault| ConfigError::parse(path, &text, &fault))?;
        keys::check(path, &text, &config)?;
        let name = path.file_stem().unwrap_or_default();
        config.out.get_or_insert_with(|| Path::new("runs").join(name));
        Ok(config)
    }

    /// The directory of the run.
    pub fn out(&self) -> &Path {
        self.out.as_deref().unwrap_or(Path::new("runs/run"))
    }
}
