//! `wgrad tune`

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use search::{Outcome, Results, Study, Trial};
use train::Interrupt;
use train::plot::Theme;

use crate::say::Say;

#[derive(Args)]
pub struct Arguments {
    /// The study, in TOML; see docs/search.md
    study: PathBuf,

    /// Directory for the journal, the results and the trials' output; if not given: runs/ and the file's name
    #[arg(long)]
    out: Option<PathBuf>,

    /// Run this many programs at once, instead of the file's number
    #[arg(long)]
    parallel: Option<NonZeroUsize>,

    /// Show the results so far, and run nothing
    #[arg(long)]
    show: bool,
}

pub fn run(arguments: &Arguments, say: &Say) -> Result<()> {
    let path = &arguments.study;
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut study: Study =
        toml::from_str(&text).with_context(|| format!("{} is no study", path.display()))?;
    let named = || PathBuf::from("runs").join(path.file_stem().unwrap_or("study".as_ref()));
    let directory = arguments.out.clone().unwrap_or_else(named);
    if arguments.show {
        return finish(&Study::recorded(&directory)?, say);
    }
    study.parallel = arguments.parallel.unwrap_or(study.parallel);
    // The path of the configuration is relative to the study.
    if let (Some(config), Some(beside)) = (&mut study.config, path.parent()) {
        *config = beside.join(&*config);
    }
    let total = study.strategy.total(&study.search);
    let results = study.run(&directory, &Interrupt::by_signal()?, |trial| say.text(ended(trial, total)))?;
    results.figure(Theme::Light).save(directory.join("study.png"))?;
    finish(&results, say)?;
    if !results.complete {
        bail!("interrupted; the same command goes on with the study");
    }
    Ok(())
}

/// A finished trial as one line.
fn ended(trial: &Trial, total: usize) -> String {
    let values: Vec<String> = trial.values.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let budget = trial.budget.map_or(String::new(), |budget| format!(" budget={budget}"));
    let outcome = match &trial.outcome {
        Some(Outcome::Finished { objective, seconds }) => format!("{objective} in {seconds:.1} s"),
        Some(Outcome::Failed { error, .. }) => {
            format!("failed: {}", error.lines().next().unwrap_or_default())
        }
        None => "not done".into(),
    };
    format!("{}/{total}  {}{budget}  {outcome}", trial.number + 1, values.join(" "))
}

fn finish(results: &Results, say: &Say) -> Result<()> {
    say.text(results.table().trim_end());
    if let Some(best) = results.best() {
        say.text(format!("best: trial {}", best.number));
    }
    say.result(&serde_json::to_value(results)?);
    Ok(())
}
