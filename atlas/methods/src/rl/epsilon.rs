//! Schedules of the exploration rate.

/// A share of random actions that falls from `from` to `to` over `steps` steps, and stays there (Mnih et al. 2015).
///
/// ```
/// let epsilon = methods::rl::LinearEpsilon::new(1.0, 0.1, 90);
/// assert_eq!([0, 45, 90, 1000].map(|step| (epsilon.at(step) * 100.0).round()), [100.0, 55.0, 10.0, 10.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LinearEpsilon {
    from: f64,
    to: f64,
    steps: usize,
}

impl LinearEpsilon {
    /// A share that falls linearly from `from` at step 0 to `to` at step `steps`.
    pub fn new(from: f64, to: f64, steps: usize) -> LinearEpsilon {
        LinearEpsilon { from, to, steps }
    }

    /// The probability of a random action at `step`.
    pub fn at(&self, step: usize) -> f64 {
        let share = (step as f64 / self.steps.max(1) as f64).min(1.0);
        self.from + share * (self.to - self.from)
    }
}
