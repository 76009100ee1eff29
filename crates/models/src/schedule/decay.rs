//! Rates that fall at every step.

use super::{Schedule, ratio};

/// `lr * gamma^step`, as torch's `ExponentialLR`.
#[derive(Clone, Copy, Debug)]
pub struct ExponentialLr {
    lr: f64,
    gamma: f64,
}

impl ExponentialLr {
    /// ```
    /// use models::{ExponentialLr, Schedule};
    /// assert!((ExponentialLr::new(0.1, (-0.03f64).exp()).lr(30) - 0.040_656_966).abs() < 1e-7);
    /// ```
    pub fn new(lr: impl Into<f64>, gamma: impl Into<f64>) -> ExponentialLr {
        ExponentialLr { lr: lr.into(), gamma: gamma.into() }
    }
}

impl Schedule for ExponentialLr {
    fn lr(&self, step: usize) -> f32 {
        (self.lr * self.gamma.powf(step as f64)) as f32
    }
}

/// `lr * (1 - step / steps)^power`, and 0 after `steps` steps, as torch's `PolynomialLR`.
#[derive(Clone, Copy, Debug)]
pub struct PolynomialLr {
    lr: f64,
    power: f64,
    steps: usize,
}

impl PolynomialLr {
    /// ```
    /// use models::{PolynomialLr, Schedule};
    /// let schedule = PolynomialLr::new(0.1, 2.0, 10);
    /// assert_eq!((schedule.lr(0), schedule.lr(5), schedule.lr(12)), (0.1, 0.025, 0.0));
    /// ```
    pub fn new(lr: impl Into<f64>, power: impl Into<f64>, steps: usize) -> PolynomialLr {
        PolynomialLr { lr: lr.into(), power: power.into(), steps }
    }
}

impl Schedule for PolynomialLr {
    fn lr(&self, step: usize) -> f32 {
        let left = 1.0 - ratio(step.min(self.steps) as f64, self.steps as f64);
        (self.lr * left.powf(self.power)) as f32
    }
}

/// `lr / (1 + decay * step)`, a decay with which stochastic gradient descent converges (Robbins and Monro 1951).
#[derive(Clone, Copy, Debug)]
pub struct InverseTimeLr {
    lr: f64,
    decay: f64,
}

impl InverseTimeLr {
    /// ```
    /// use models::{InverseTimeLr, Schedule};
    /// assert_eq!(InverseTimeLr::new(0.1, 0.5).lr(2), 0.05);
    /// ```
    pub fn new(lr: impl Into<f64>, decay: impl Into<f64>) -> InverseTimeLr {
        InverseTimeLr { lr: lr.into(), decay: decay.into() }
    }
}

impl Schedule for InverseTimeLr {
    fn lr(&self, step: usize) -> f32 {
        (self.lr / (1.0 + self.decay * step as f64)) as f32
    }
}
