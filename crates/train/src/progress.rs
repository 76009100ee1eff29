//! A progress bar on the terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar with steps done, elapsed and remaining time and a message, drawn on standard error if that is a terminal.
#[doc(alias = "tqdm")]
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar of `total` steps that starts at `done`; a quiet one draws nothing.
    pub fn new(total: usize, done: usize, quiet: bool) -> Progress {
        let style = "{elapsed_precise} [{bar:30}] step {pos}/{len}  {msg}  {eta} left";
        let bar = ProgressBar::new(total as u64).with_position(done as u64);
        bar.set_style(ProgressStyle::with_template(style).expect("a valid template").progress_chars("=> "));
        bar.reset_eta();
        if quiet {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        bar.enable_steady_tick(Duration::from_millis(500));
        Progress(bar)
    }

    /// Advances by one step.
    pub fn step(&self) {
        self.0.inc(1);
    }

    /// Recent steps per second.
    pub fn steps_per_s(&self) -> f64 {
        self.0.per_sec()
    }

    /// Shows `message` behind the bar.
    pub fn say(&self, message: String) {
        self.0.set_message(message);
    }

    /// Hides the bar while `f` writes to the terminal.
    pub fn suspend<T>(&self, f: impl FnOnce() -> T) -> T {
        self.0.suspend(f)
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
