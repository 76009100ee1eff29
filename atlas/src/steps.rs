//! Loops with a progress bar.

use std::ops::Range;
use std::time::Instant;

use wgrad::train::Progress;

use crate::Lab;

/// The steps of a loop; also advances a progress bar, unless the study is quiet.
pub struct Steps {
    range: Range<usize>,
    bar: Progress,
    what: String,
    said: Instant,
}

impl Steps {
    /// Shows a number next to the bar, a few times a second.
    pub fn show(&mut self, name: &str, value: impl FnOnce() -> f64) {
        if self.said.elapsed().as_millis() > 200 {
            self.said = Instant::now();
            self.bar.say(format!("{} {name} {:.4}", self.what, value()));
        }
    }
}

impl Iterator for Steps {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.range.start > 0 {
            self.bar.step();
        }
        let next = self.range.next();
        if next.is_none() {
            self.bar.finish();
        }
        next
    }
}

impl Lab {
    /// Counts from 0 to `steps` with a progress bar, for loops other than [`fit`](Lab::fit).
    pub fn steps(&self, what: &str, steps: usize) -> Steps {
        let bar = Progress::new(steps, 0, self.quiet());
        bar.say(what.into());
        Steps { range: 0..steps, bar, what: what.into(), said: Instant::now() }
    }
}
