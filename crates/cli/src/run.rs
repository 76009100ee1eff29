//! A finished run with its network and best weights.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use autograd::Device;
use data::Part;
use models::Params;
use train::Run;

use crate::config::Config;
use crate::job::Job;

/// The file with the best weights of a run.
pub const BEST: &str = "best.safetensors";

/// A run that is open for evaluation or prediction.
pub struct Opened {
    pub config: Config,
    pub params: Params,
    pub job: Job,
    pub weights: PathBuf,
}

/// Opens the run in `directory` with its best weights, or with those of the file `weights`.
pub fn open(directory: &Path, device: Option<&str>, weights: Option<&Path>) -> Result<Opened> {
    let run = Run::open(directory)?;
    let config: Config = serde_json::from_value(run.config().clone())
        .with_context(|| format!("{} was not trained by wgrad train", directory.display()))?;
    let device = Device::named(device.unwrap_or(&config.device))?;
    let params = Params::new(&device, config.seed);
    let job = Job::new(&config, &params, Part::default())?;
    let weights = weights.map_or_else(|| run.join(BEST), Path::to_path_buf);
    params.load(&weights)?;
    Ok(Opened { config, params, job, weights })
}
