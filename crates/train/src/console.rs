//! Progress of a run on the terminal.

use std::io::Write;

use crate::callback::{Callback, Flow, Moment};
use crate::{Progress, Result};

/// How many steps the numbers on the progress bar are means of.
const RECENT: usize = 50;

/// Shows a progress bar with the loss and the other watched scalars, and prints a line for each evaluation, which tells the
/// means of the training steps since the last one from the figures of [`Task::evaluate`](crate::Task::evaluate).
///
/// A silent console writes nothing to standard output, so that a program can print machine-readable output there.
pub struct Console {
    silent: bool,
    /// How many items a step trains on, and their name.
    items: Option<(usize, &'static str)>,
    /// The option with which a user resumes a stopped run.
    resume: Option<String>,
    bar: Option<Progress>,
    /// Steps and seconds at the last line.
    last: (usize, f64),
}

impl Console {
    /// Shows the rate in steps per second; [`items`](Console::items) sets another unit.
    pub fn new(silent: bool) -> Console {
        Console { silent, items: None, resume: None, bar: None, last: (0, 0.0) }
    }

    /// Shows the rate in items per second, `count` of them per step, as in `items(128, "images")`.
    pub fn items(self, count: usize, name: &'static str) -> Console {
        Console { items: Some((count, name)), ..self }
    }

    /// Sets the option that resumes a stopped run, such as `"--resume"`; it is printed when a run stops.
    pub fn resume(self, how: impl Into<String>) -> Console {
        Console { resume: Some(how.into()), ..self }
    }

    /// Means of the columns over the last `steps` steps.
    fn means(moment: &Moment, steps: usize) -> String {
        let columns = moment.history.columns().iter().filter(|name| *name != "lr");
        let mean = |name: &String| format!("{name} {:.4}", moment.history.recent(name, steps));
        columns.map(mean).collect::<Vec<_>>().join("  ")
    }

    fn rate(&self, steps_per_s: f64) -> String {
        let (count, name) = self.items.unwrap_or((1, "steps"));
        let rate = steps_per_s * count as f64;
        if rate < 10.0 { format!("{rate:.2} {name}/s") } else { format!("{rate:.0} {name}/s") }
    }

    fn say(&self, line: &str) {
        if self.silent {
            return;
        }
        let print = || {
            println!("{line}");
            // A closed standard output is no reason to stop training.
            let _ = std::io::stdout().flush();
        };
        self.bar.as_ref().map_or_else(print, |bar| bar.suspend(print));
    }
}

impl Callback for Console {
    fn prints_or_writes(&self) -> bool {
        true
    }

    fn on_start(&mut self, moment: &Moment) -> Result<()> {
        self.bar = Some(Progress::new(moment.total, moment.first, self.silent));
        self.last = (moment.first, 0.0);
        if moment.first > 0 {
            self.say(&format!("going on after {} of {} steps", moment.first, moment.total));
        }
        Ok(())
    }

    fn on_step(&mut self, moment: &Moment) -> Result<Flow> {
        if let Some(bar) = &self.bar {
            bar.step();
            bar.say(format!("{}  {}", Console::means(moment, RECENT), self.rate(bar.steps_per_s())));
        }
        Ok(Flow::Continue)
    }

    fn on_evaluation(&mut self, moment: &Moment, figures: &[(&str, f64)]) -> Result<Flow> {
        let (steps, seconds) = (moment.steps - self.last.0, moment.seconds - self.last.1);
        self.last = (moment.steps, moment.seconds);
        let at = if moment.steps.is_multiple_of(moment.per_epoch)
            && moment.total.is_multiple_of(moment.per_epoch)
        {
            format!("epoch {}/{}", moment.steps / moment.per_epoch, moment.total / moment.per_epoch)
        } else {
            format!("step {}/{}", moment.steps, moment.total)
        };
        let figures: Vec<String> = figures.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
        let evaluated =
            if figures.is_empty() { String::new() } else { format!(" | evaluation: {}", figures.join("  ")) };
        let rate = self.rate(steps as f64 / seconds.max(1e-9));
        let means = Console::means(moment, steps.max(1));
        self.say(&format!("{at} | training: {means}{evaluated} | {seconds:.0} s, {rate}"));
        Ok(Flow::Continue)
    }

    fn on_end(&mut self, moment: &Moment, reason: &str) -> Result<()> {
        if let Some(bar) = self.bar.take() {
            bar.finish();
        }
        if moment.steps < moment.total {
            let how = self.resume.as_ref().map_or(String::new(), |how| format!("; go on with {how}"));
            self.say(&format!("stopped after {} of {} steps: {reason}{how}", moment.steps, moment.total));
        }
        Ok(())
    }
}
