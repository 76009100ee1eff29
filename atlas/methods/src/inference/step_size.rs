//! Tuning of the step size to a target acceptance probability.

/// Dual averaging (Hoffman and Gelman 2014, "The No-U-Turn Sampler", section 3.2).
///
/// ```
/// use methods::inference::StepSize;
/// let mut size = StepSize::new(1.0, 0.8);
/// // The acceptance probability is exp(-size): 0.8 at 0.223.
/// for _ in 0..2000 {
///     size.update((-size.get()).exp());
/// }
/// size.settle();
/// assert!((size.get() - 0.223).abs() < 0.01);
/// ```
#[derive(Clone, Debug)]
pub struct StepSize {
    size: f32,
    target: f32,
    centre: f64,
    steps: f64,
    error: f64,
    log_average: f64,
}

impl StepSize {
    /// Starts at `size` and tunes it to the acceptance probability `target`.
    pub fn new(size: f32, target: f32) -> StepSize {
        let centre = (10.0 * f64::from(size)).ln();
        StepSize { size, target, centre, steps: 0.0, error: 0.0, log_average: 0.0 }
    }

    /// The current step size.
    pub fn get(&self) -> f32 {
        self.size
    }

    /// Updates the step size from the mean acceptance probability of a step.
    pub fn update(&mut self, acceptance: f32) {
        const SHRINKAGE: f64 = 0.05;
        const STABILITY: f64 = 10.0;
        const FORGETTING: f64 = 0.75;
        self.steps += 1.0;
        let share = 1.0 / (self.steps + STABILITY);
        self.error += share * (f64::from(self.target - acceptance) - self.error);
        let log_size = self.centre - self.steps.sqrt() / SHRINKAGE * self.error;
        self.log_average += self.steps.powf(-FORGETTING) * (log_size - self.log_average);
        self.size = log_size.exp() as f32;
    }

    /// Fixes the step size at the weighted geometric mean of the sizes so far.
    pub fn settle(&mut self) {
        self.size = self.log_average.exp() as f32;
    }
}
