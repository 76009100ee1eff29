//! Limits one submit to work of a fraction of a second: Windows resets a GPU after two seconds in one submit, and the desktop freezes
//! meanwhile.

use std::ops::Range;
use std::sync::{Arc, Mutex};
use web_time::Instant;

use super::lock;
use crate::kernel::Cost;

/// Target duration of a submit, in seconds. It allows for a kernel that is twenty times less efficient than those
/// before it.
const SUBMIT: f64 = 0.1;
/// What a slow GPU does per second.
const FLOPS: f64 = 1e10;
const BYTES: f64 = 5e9;

/// Seconds that a slow GPU takes.
pub(super) fn work(cost: Cost) -> f64 {
    (cost.flops as f64 / FLOPS).max(cost.bytes as f64 / BYTES)
}

/// The measured speed of a device.
#[derive(Clone)]
pub(super) struct Pace(Arc<Mutex<State>>);

struct State {
    /// As a multiple of a slow GPU's speed.
    speed: f64,
    /// When the last measured submit was seen to be done.
    idle: Instant,
}

impl Pace {
    pub fn new() -> Pace {
        Pace(Arc::new(Mutex::new(State { speed: 1.0, idle: Instant::now() })))
    }

    /// Cuts dispatches, given by their work, into one part per submit.
    pub fn parts(&self, work: &[f64]) -> Vec<Range<usize>> {
        cut(work, SUBMIT * lock(&self.0).speed)
    }

    /// `work` was submitted to `queue` just now.
    pub fn submitted(&self, queue: &wgpu::Queue, work: f64) {
        // Short work says little about the speed, and is never cut.
        if work < SUBMIT / 4.0 * lock(&self.0).speed {
            return;
        }
        let (pace, start) = (self.clone(), Instant::now());
        queue.on_submitted_work_done(move || lock(&pace.0).done(work, start, Instant::now()));
    }
}

impl State {
    /// `work` that was submitted at `start` was seen to be done at `end`, perhaps late: the speed is underestimated, and submits
    /// are too small rather than too large.
    fn done(&mut self, work: f64, start: Instant, end: Instant) {
        let seconds = end.duration_since(start.max(self.idle)).as_secs_f64();
        self.speed = (work / seconds.max(1e-9)).clamp(self.speed / 2.0, self.speed * 2.0);
        self.idle = end;
    }
}

/// Ranges that together cover all dispatches, each with work of at most `most`, or of one dispatch.
fn cut(work: &[f64], most: f64) -> Vec<Range<usize>> {
    let mut parts = vec![];
    let (mut start, mut sum) = (0, 0.0);
    for (i, work) in work.iter().enumerate() {
        if i > start && sum + work > most {
            parts.push(start..i);
            (start, sum) = (i, 0.0);
        }
        sum += work;
    }
    if start < work.len() {
        parts.push(start..work.len());
    }
    parts
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn parts_cover_everything_and_stay_below_the_most() {
        assert_eq!(cut(&[], 1.0), []);
        assert_eq!(cut(&[0.0; 5], 1.0).first(), Some(&(0..5)));
        assert_eq!(cut(&[0.5, 0.5, 0.5, 3.0, 0.25, 0.75, 0.1], 1.0), [0..2, 2..3, 3..4, 4..6, 6..7]);
        assert_eq!(cut(&[9.0, 9.0], 1.0), [0..1, 1..2]);
    }

    #[test]
    fn the_speed_follows_what_is_measured() {
        let start = Instant::now();
        let after = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let mut state = State { speed: 1.0, idle: start };
        // Repeatedly ten slow seconds' work per second; each is submitted half a second before the previous one is
        // done.
        for i in 0..8 {
            state.done(10.0, after((f64::from(i) - 0.5).max(0.0)), after(f64::from(i + 1)));
        }
        assert!((state.speed - 10.0).abs() < 1e-6, "{}", state.speed);
        // One late observation at most halves the speed.
        state.done(10.0, after(8.0), after(1000.0));
        assert!((state.speed - 5.0).abs() < 1e-6, "{}", state.speed);
    }

    #[test]
    fn work_is_the_slower_of_arithmetic_and_memory() {
        assert_eq!(work(Cost { flops: 20_000_000_000, bytes: 5_000_000_000 }), 2.0);
        assert_eq!(work(Cost { flops: 0, bytes: 5_000_000_000 }), 1.0);
        assert_eq!(work(Cost::default()), 0.0);
    }
}
