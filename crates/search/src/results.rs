//! What a study found.

use std::path::Path;

use serde::Serialize;
use train::Goal;

use crate::journal::Identity;
use crate::{Error, Result};
use crate::{Next, Outcome, Space, Trial, trial};

/// All trials of a study, and the best.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Results {
    /// The objective's name.
    pub objective: String,
    /// Whether the objective is to be small or large.
    pub goal: Goal,
    /// Whether nothing is left to run.
    pub complete: bool,
    /// The number of the best trial: of those with the largest budget that ended well.
    pub best: Option<usize>,
    /// By number.
    pub trials: Vec<Trial>,
    /// What was searched.
    pub space: Space,
}

impl Results {
    pub(super) fn new(study: Identity, trials: Vec<Trial>) -> Results {
        let Identity { search, strategy, seed, objective, goal } = study;
        let next = strategy.next(&search, seed, goal, &trials, 1);
        let complete = trials.iter().all(Trial::ended) && next == Next::Done;
        let best = ranked(goal, &trials).first().map(|trial| trial.number);
        Results { objective, goal, complete, best, trials, space: search }
    }

    /// The best trial.
    pub fn best(&self) -> Option<&Trial> {
        self.best.map(|number| &self.trials[number])
    }

    /// A table of all trials for people, the best first and those without an objective last.
    pub fn table(&self) -> String {
        let with_budget = self.trials.iter().any(|t| t.budget.is_some());
        let mut header = vec!["trial".to_owned(), self.objective.clone()];
        header.extend(with_budget.then(|| "budget".to_owned()));
        header.extend(self.space.iter().map(|(name, _)| name.to_owned()));
        header.push("seconds".into());
        let mut rows = vec![header];
        let ranked = ranked(self.goal, &self.trials);
        let rest = self.trials.iter().filter(|t| t.objective().is_none());
        for trial in ranked.into_iter().chain(rest) {
            let mut row = vec![trial.number.to_string(), state(trial)];
            row.extend(with_budget.then(|| trial.budget.map_or(String::new(), |b| b.to_string())));
            row.extend(trial.values.values().map(short));
            let seconds = match trial.outcome {
                Some(Outcome::Finished { seconds, .. } | Outcome::Failed { seconds, .. }) => {
                    format!("{seconds:.1}")
                }
                None => String::new(),
            };
            row.push(seconds);
            rows.push(row);
        }
        aligned(&rows)
    }

    /// Writes `results.json`, whole or not at all.
    pub(super) fn write(&self, directory: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).expect("names and finite numbers");
        let path = directory.join("results.json");
        gpu_core::write_atomically(&path, text.as_bytes()).map_err(|source| Error::Write { path, source })
    }
}

/// Trials that ended well, those of larger budgets first, then the best first.
fn ranked(goal: Goal, trials: &[Trial]) -> Vec<&Trial> {
    let mut ranked = trial::ranked(goal, trials);
    ranked.sort_by_key(|trial| std::cmp::Reverse(trial.budget));
    ranked
}

fn state(trial: &Trial) -> String {
    match &trial.outcome {
        Some(Outcome::Finished { objective, .. }) => format!("{objective:.6}"),
        Some(Outcome::Failed { .. }) => "failed".into(),
        None => "not done".into(),
    }
}

fn short(value: &super::Value) -> String {
    match value {
        super::Value::Float(x) if *x != 0.0 && !(1e-3..1e4).contains(&x.abs()) => format!("{x:.3e}"),
        super::Value::Float(x) => format!("{x:.4}"),
        other => other.to_string(),
    }
}

/// Columns as wide as their widest cell, right-aligned.
fn aligned(rows: &[Vec<String>]) -> String {
    let width = |c: usize| rows.iter().map(|row| row[c].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, &w)| format!("{cell:>w$}")).collect();
        cells.join("  ") + "\n"
    };
    rows.iter().map(line).collect()
}
