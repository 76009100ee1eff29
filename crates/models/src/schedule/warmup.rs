//! Warm-up.

use super::{Schedule, ratio};

/// Another schedule, which counts from 0 after a linear rise over `steps` steps from `start` times its first rate to that rate.
#[derive(Clone, Copy, Debug)]
pub struct Warmup<S> {
    start: f32,
    steps: usize,
    then: S,
}

impl<S: Schedule> Warmup<S> {
    /// ```
    /// use models::{Schedule, Warmup};
    /// let warm = Warmup::new(0.0, 10, 0.1);
    /// assert_eq!((warm.lr(0), warm.lr(5), warm.lr(10)), (0.0, 0.05, 0.1));
    /// ```
    pub fn new(start: f32, steps: usize, then: S) -> Warmup<S> {
        Warmup { start, steps, then }
    }
}

impl<S: Schedule> Schedule for Warmup<S> {
    fn lr(&self, step: usize) -> f32 {
        match step.checked_sub(self.steps) {
            Some(step) => self.then.lr(step),
            None => {
                self.then.lr(0)
                    * (self.start + (1.0 - self.start) * ratio(step as f64, self.steps as f64) as f32)
            }
        }
    }
}
