//! `wgrad summary`

use std::path::{Path, PathBuf};

use anyhow::Result;
use autograd::Device;
use clap::Args;
use data::Part;
use models::Params;
use serde_json::json;

use crate::config::Config;
use crate::job::Job;
use crate::run::open;
use crate::say::Say;

#[derive(Args)]
pub struct Arguments {
    /// A configuration, or the directory of a run
    what: PathBuf,
}

/// The parameters, job and configuration of a configuration file or a run.
pub fn job(what: &Path, device: Option<&str>) -> Result<(Params, Job, Config)> {
    if what.is_dir() {
        let opened = open(what, device, None)?;
        return Ok((opened.params, opened.job, opened.config));
    }
    let config = Config::read(what)?;
    let params = Params::new(&Device::named(device.unwrap_or(&config.device))?, config.seed);
    let job = Job::new(&config, &params, Part::default())?;
    Ok((params, job, config))
}

pub fn run(arguments: &Arguments, say: &Say) -> Result<()> {
    let (params, job, config) = job(&arguments.what, Some("cpu"))?;
    let summary = params.summary(&job.forward(&job.example(1)?));
    say.text(format!("{}\n\n{summary}", job.describe()));
    let layers = summary.layers.iter().map(|layer| {
        json!({
            "name": layer.name,
            "output": layer.output,
            "receptive_field": layer.receptive_field,
            "parameters": layer.parameters,
            "trainable": layer.trainable,
            "multiply_adds": layer.multiply_adds,
        })
    });
    say.result(&json!({
        "model": config.model.kind,
        "parameters": params.count(),
        "multiply_adds": summary.multiply_adds(),
        "layers": layers.collect::<Vec<_>>(),
    }));
    Ok(())
}
