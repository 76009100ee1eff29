//! Running trials side by side.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use train::Interrupt;

use crate::journal::Journal;
use crate::process::{self, End};
use crate::{Error, Result};
use crate::{Next, Outcome, Study, Trial, Value, command, output};

/// How often a requested stop is checked for.
const GLANCE: Duration = Duration::from_millis(50);

/// A trial's number and outcome; `None` if it was stopped.
type Ended = (usize, Result<Option<Outcome>>);

/// A study under way.
pub(super) struct Runner<'a> {
    study: &'a Study,
    directory: &'a Path,
    /// What configuration files start from.
    base: Option<String>,
    journal: Journal,
    trials: Vec<Trial>,
    /// Trials that an interruption cut off, the last first.
    unfinished: Vec<usize>,
}

impl<'a> Runner<'a> {
    pub fn new(
        study: &'a Study,
        directory: &'a Path,
        base: Option<String>,
        journal: Journal,
        trials: Vec<Trial>,
    ) -> Runner<'a> {
        let unfinished = trials.iter().filter(|t| !t.ended()).map(|t| t.number).rev().collect();
        Runner { study, directory, base, journal, trials, unfinished }
    }

    /// Starts trials until there are no more or a stop is requested, and waits for them.
    pub fn run(&mut self, stop: &Interrupt, mut ended: impl FnMut(&Trial)) -> Result<()> {
        // Set when the study can't go on, so that running programs end.
        let abandon = Interrupt::default();
        let quit = || stop.requested() || abandon.requested();
        thread::scope(|scope| {
            let (send, receive) = channel();
            let mut running = 0;
            let mut run_all = || {
                loop {
                    while running < self.study.parallel.get() && !quit() {
                        let Some(trial) = self.next()? else { break };
                        self.start(scope, trial, &quit, send.clone());
                        running += 1;
                    }
                    if running == 0 {
                        return Ok(());
                    }
                    running -= usize::from(self.receive(&receive, &mut ended)?);
                }
            };
            let done = run_all();
            abandon.request();
            done
        })
    }

    pub fn into_trials(self) -> Vec<Trial> {
        self.trials
    }

    /// The next trial, recorded in the journal; `None` if there is none for now.
    fn next(&mut self) -> Result<Option<Trial>> {
        if let Some(number) = self.unfinished.pop() {
            return Ok(Some(self.trials[number].clone()));
        }
        let Study { search, strategy, seed, goal, parallel, .. } = self.study;
        let Next::Run(trial) = strategy.next(search, *seed, *goal, &self.trials, parallel.get()) else {
            return Ok(None);
        };
        self.journal.started(&trial)?;
        self.trials.push(trial.clone());
        Ok(Some(trial))
    }

    /// Runs a trial on a thread of its own.
    fn start<'scope>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        trial: Trial,
        quit: &'scope (dyn Fn() -> bool + Sync),
        send: Sender<Ended>,
    ) where
        'a: 'scope,
    {
        let mut first = &trial;
        while let Some(from) = first.promoted_from {
            first = &self.trials[from];
        }
        let place = |number: usize| self.directory.join("trials").join(format!("{number:04}"));
        let attempt = Attempt {
            study: self.study,
            base: self.base.clone(),
            files: place(trial.number),
            shared: place(first.number).join("work"),
            trial,
        };
        scope.spawn(move || {
            let _ = send.send((attempt.trial.number, attempt.run(quit)));
        });
    }

    /// Records a trial that ended; returns whether one did within [`GLANCE`].
    fn receive(&mut self, from: &Receiver<Ended>, ended: &mut impl FnMut(&Trial)) -> Result<bool> {
        let (number, outcome) = match from.recv_timeout(GLANCE) {
            Ok(ended) => ended,
            Err(RecvTimeoutError::Timeout) => return Ok(false),
            Err(RecvTimeoutError::Disconnected) => unreachable!("the caller keeps a sender"),
        };
        if let Some(outcome) = outcome? {
            self.journal.ended(number, &outcome)?;
            self.trials[number].outcome = Some(outcome);
            ended(&self.trials[number]);
        }
        Ok(true)
    }
}

/// A trial that is about to run.
struct Attempt<'a> {
    study: &'a Study,
    base: Option<String>,
    trial: Trial,
    /// The directory of its output and configuration.
    files: PathBuf,
    /// A directory for the program: that of the first trial of these values.
    shared: PathBuf,
}

impl Attempt<'_> {
    /// Runs the program; `None` when it was stopped.
    fn run(&self, quit: &dyn Fn() -> bool) -> Result<Option<Outcome>> {
        for path in [&self.files, &self.shared] {
            fs::create_dir_all(path).map_err(|source| Error::Write { path: path.clone(), source })?;
        }
        let start = Instant::now();
        let result = self.result(quit);
        let seconds = start.elapsed().as_secs_f64();
        Ok(match result {
            Ok(None) => None,
            Ok(Some(objective)) => Some(Outcome::Finished { objective, seconds }),
            Err(error) => Some(Outcome::Failed { error, seconds }),
        })
    }

    /// The objective, `None` if it was stopped, or why there is none.
    fn result(&self, quit: &dyn Fn() -> bool) -> Result<Option<f64>, String> {
        let command = self.command()?;
        let [stdout, stderr] = ["stdout.txt", "stderr.txt"].map(|name| self.files.join(name));
        let timeout = self.study.timeout_s.map(Duration::from_secs_f64);
        let end = process::run(&command, &stdout, &stderr, timeout, quit);
        let with_stderr = |what: String| match output::tail(&stderr) {
            tail if tail.is_empty() => what,
            tail => format!("{what}; its standard error ends with\n{tail}"),
        };
        match end {
            Err(error) => Err(format!("cannot run {:?}: {error}", command[0])),
            Ok(End::Stopped) => Ok(None),
            Ok(End::TimedOut) => {
                Err(with_stderr(format!("it took more than {} s", self.study.timeout_s.unwrap_or_default())))
            }
            Ok(End::Exited(status)) if !status.success() => {
                Err(with_stderr(format!("it ended with {status}")))
            }
            Ok(End::Exited(_)) => {
                output::objective(&stdout, &self.study.objective).map(Some).map_err(with_stderr)
            }
        }
    }

    /// The command, with its configuration file written.
    fn command(&self) -> Result<Vec<String>, String> {
        let mut values = self.trial.values.clone();
        if let (Some(name), Some(budget)) = (self.study.strategy.budget(), self.trial.budget) {
            values.insert(name.to_owned(), Value::Integer(budget));
        }
        let path = self.files.join("config.toml");
        let filled = command::fill(&self.study.command, &values, self.trial.number, &self.shared, &path);
        if let Some(base) = &self.base {
            let text = command::configuration(base, &filled.config)?;
            fs::write(&path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
        }
        Ok(filled.command)
    }
}
