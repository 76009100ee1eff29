//! `wgrad profile`

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use autograd::plans;
use clap::Args;
use data::Source;
use models::Optimize;
use serde_json::json;
use train::Task;

use crate::config::Config;
use crate::job::Job;
use crate::say::Say;
use crate::summary::job;

#[derive(Args)]
pub struct Arguments {
    /// A configuration, or the directory of a run
    what: PathBuf,

    /// Number of steps to average over
    #[arg(long, default_value_t = 5)]
    steps: usize,

    /// Another device than the configuration's
    #[arg(long)]
    device: Option<String>,

    /// Also print the launches of the plan
    #[arg(long)]
    explain: bool,
}

pub fn run(arguments: &Arguments, say: &Say) -> Result<()> {
    ensure!(arguments.steps > 0, "--steps 0 measures nothing");
    let (params, job, config) = job(&arguments.what, arguments.device.as_deref())?;
    let mut opt = config.optimizer(&params)?;
    match &job {
        Job::Images(images) => profile(arguments, images, &images.train, &mut *opt, &config, say),
        Job::Text(language) => profile(arguments, language, &language.train, &mut *opt, &config, say),
        Job::Table(table) => profile(arguments, table, &table.train, &mut *opt, &config, say),
    }?;
    Ok(())
}

fn profile<T: Task>(
    arguments: &Arguments,
    task: &T,
    source: &impl Source<Batch = T::Batch>,
    opt: &mut dyn Optimize,
    config: &Config,
    say: &Say,
) -> Result<()> {
    let batch = source.batches(0, 0).next().context("the data has no batch")?;
    let device = task.train(&batch)?.loss.device().clone();
    let mut steps = |count: usize| -> Result<f64> {
        let start = Instant::now();
        for _ in 0..count {
            let loss = task.train(&batch)?.loss;
            opt.step(loss.backward(), 0.01 * config.optimizer.lr)?;
            loss.item()?;
        }
        Ok(start.elapsed().as_secs_f64() * 1000.0 / count as f64)
    };
    // The first step has its own plan, because its parameters are not joined in one buffer yet.
    steps(2)?;
    let step_ms = steps(arguments.steps)?;
    device.set_profiling(true);
    steps(arguments.steps)?;
    device.set_profiling(false);
    let plan =
        plans(&device).into_iter().max_by_key(|plan| plan.launches().len()).context("a step has a plan")?;
    let cost = plan.cost();
    say.text(device.info());
    if arguments.explain {
        say.text(format!("{}\n", plan.explain()));
    }
    let gflop = cost.flops as f64 * 1e-9;
    say.text(format!(
        "one step of {}: {step_ms:.1} ms, {} launches, {gflop:.2} GFLOP, {:.1} MB read and written\n",
        config.model.kind,
        plan.launches().len(),
        cost.bytes as f64 * 1e-6
    ));
    say.text(device.profile());
    say.result(&json!({
        "model": config.model.kind,
        "device": device.info().to_string(),
        "step_ms": step_ms,
        "launches": plan.launches().len(),
        "gflop": gflop,
        "bytes": cost.bytes,
    }));
    Ok(())
}
