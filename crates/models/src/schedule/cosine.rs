//! Cosine schedules.

use super::{Anneal, Schedule, ratio};

/// Half a cosine from `lr` to `end` over `steps` steps (Loshchilov and Hutter 2017), then `end`.
#[doc(alias = "CosineAnnealingLR")]
#[derive(Clone, Copy, Debug)]
pub struct Cosine {
    lr: f64,
    end: f64,
    steps: usize,
    periodic: bool,
}

impl Cosine {
    /// ```
    /// use models::{Cosine, Schedule};
    /// assert!((Cosine::new(0.1, 0.0, 100).lr(30) - 0.079_389_26).abs() < 1e-7);
    /// ```
    pub fn new(lr: impl Into<f64>, end: impl Into<f64>, steps: usize) -> Cosine {
        Cosine { lr: lr.into(), end: end.into(), steps, periodic: false }
    }

    /// Rises back to `lr` over the next `steps` steps, and so on periodically, as torch's `CosineAnnealingLR` does after its `T_max`.
    pub fn periodic(self) -> Cosine {
        Cosine { periodic: true, ..self }
    }
}

impl Schedule for Cosine {
    fn lr(&self, step: usize) -> f32 {
        let step = if self.periodic { step } else { step.min(self.steps) };
        Anneal::Cosine.between(self.lr, self.end, ratio(step as f64, self.steps as f64)) as f32
    }
}

/// Half a cosine from `lr` to `end` over `first` steps, then restarts at `lr`, each cycle `factor` times as long as the previous one
/// (SGDR, Loshchilov and Hutter 2017), as torch's `CosineAnnealingWarmRestarts`.
#[derive(Clone, Copy, Debug)]
pub struct CosineAnnealingWarmRestarts {
    lr: f64,
    end: f64,
    first: usize,
    factor: usize,
}

impl CosineAnnealingWarmRestarts {
    /// `first` and `factor` are torch's `T_0` and `T_mult`.
    ///
    /// ```
    /// use models::{CosineAnnealingWarmRestarts, Schedule};
    /// let schedule = CosineAnnealingWarmRestarts::new(0.1, 0.0, 4, 2);
    /// assert!((schedule.lr(2) - 0.05).abs() < 1e-7); // half way through 4 steps
    /// assert_eq!(schedule.lr(4), 0.1);
    /// assert!((schedule.lr(8) - 0.05).abs() < 1e-7); // half way through 8 steps
    /// ```
    ///
    /// # Panics
    /// When `first` or `factor` is 0.
    #[track_caller]
    pub fn new(
        lr: impl Into<f64>,
        end: impl Into<f64>,
        first: usize,
        factor: usize,
    ) -> CosineAnnealingWarmRestarts {
        assert!(
            first > 0 && factor > 0,
            "CosineAnnealingWarmRestarts: {first} steps, {factor} times as many"
        );
        CosineAnnealingWarmRestarts { lr: lr.into(), end: end.into(), first, factor }
    }
}

impl Schedule for CosineAnnealingWarmRestarts {
    fn lr(&self, step: usize) -> f32 {
        let (mut at, mut length) = (step, self.first);
        if self.factor == 1 {
            at %= length;
        }
        while at >= length {
            at -= length;
            length = length.saturating_mul(self.factor);
        }
        Anneal::Cosine.between(self.lr, self.end, ratio(at as f64, length as f64)) as f32
    }
}
