//! A study: what is run, what is searched, and how.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use train::{Goal, Interrupt};

use crate::journal::{Identity, Journal};
use crate::runner::Runner;
use crate::{Error, Result};
use crate::{Results, Space, Strategy, Trial, command};

/// A search for the hyper-parameters that make a program's objective best.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Study {
    /// The program and its arguments. `{lr}` stands for the value of `lr`, `{trial}` for the trial's number, `{config}` for the
    /// path of its configuration file, and `{dir}` for a directory of the trial, which a promoted trial shares with the one that
    /// it was promoted from (for checkpoints). Values that are not named follow as `--name value`, or go into the configuration
    /// file if there is one.
    pub command: Vec<String>,
    /// A TOML file that trials' configuration files start from; a value called `optimizer.lr` goes into the table `optimizer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<PathBuf>,
    /// The key of the objective in the last JSON object that the program prints on a line of its own; dots lead into
    /// objects.
    pub objective: String,
    /// Whether the objective is to be small or large; small by default.
    #[serde(default = "min")]
    pub goal: Goal,
    /// Which values are tried, and how many.
    pub strategy: Strategy,
    /// Seed of the strategy's draws; 0 by default.
    #[serde(default)]
    pub seed: u64,
    /// Programs that run at once.
    #[serde(default = "one")]
    pub parallel: NonZeroUsize,
    /// Seconds after which a trial counts as failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<f64>,
    /// What is searched.
    pub search: Space,
}

fn min() -> Goal {
    Goal::Min
}

fn one() -> NonZeroUsize {
    NonZeroUsize::MIN
}

/// The journal in a study's directory.
const JOURNAL: &str = "journal.jsonl";

impl Study {
    /// Runs the trials that the journal in `directory` does not have yet, and calls `ended` after each.
    ///
    /// A trial that fails or takes too long is recorded as failed. When `stop` is requested, running programs are asked to end,
    /// killed after five seconds, and run again when the study continues. Standard output and error of a trial are kept in
    /// `trials/<number>`, its own files (`{dir}`) in `work` there, and the results in `results.json`.
    ///
    /// # Errors
    /// [`Error::Study`], [`Error::Strategy`], [`Error::Journal`], or [`Error::Write`].
    pub fn run(&self, directory: &Path, stop: &Interrupt, ended: impl FnMut(&Trial)) -> Result<Results> {
        self.check()?;
        let base = self.config.as_deref().map(read_config).transpose()?;
        let refused = |source| Error::Write { path: directory.into(), source };
        let directory = std::path::absolute(directory).map_err(refused)?;
        fs::create_dir_all(&directory).map_err(refused)?;
        let identity = self.identity();
        let (journal, trials) = Journal::open(&directory.join(JOURNAL), &identity)?;
        let mut runner = Runner::new(self, &directory, base, journal, trials);
        runner.run(stop, ended)?;
        let results = Results::new(identity, runner.into_trials());
        results.write(&directory)?;
        Ok(results)
    }

    /// The results so far of the study in `directory`, without running anything.
    ///
    /// # Errors
    /// [`Error::Journal`]
    pub fn recorded(directory: &Path) -> Result<Results> {
        let (identity, trials) = Journal::read(&directory.join(JOURNAL))?;
        Ok(Results::new(identity, trials))
    }

    /// Checks that the parts of the study fit together.
    ///
    /// # Errors
    /// [`Error::Study`] and [`Error::Strategy`].
    pub fn check(&self) -> Result<()> {
        self.strategy.check(&self.search)?;
        let slow = |t: &f64| !(t.is_finite() && 0.0 < *t && *t < 1e9);
        let fault =
            command::fault(&self.command, &self.search, self.strategy.budget(), self.config.is_some())
                .or_else(|| {
                    self.timeout_s.filter(slow).map(|t| format!("timeout_s needs seconds above 0, not {t}"))
                })
                .or_else(|| self.objective.is_empty().then(|| "the objective has no name".into()));
        fault.map_or(Ok(()), |reason| Err(Error::Study { reason }))
    }

    fn identity(&self) -> Identity {
        Identity {
            search: self.search.clone(),
            strategy: self.strategy.clone(),
            seed: self.seed,
            objective: self.objective.clone(),
            goal: self.goal,
        }
    }
}

fn read_config(path: &Path) -> Result<String> {
    let fault = |reason: String| Error::Study { reason: format!("config {}: {reason}", path.display()) };
    let text = fs::read_to_string(path).map_err(|e| fault(e.to_string()))?;
    text.parse::<toml::Table>().map_err(|e| fault(e.to_string()))?;
    Ok(text)
}
