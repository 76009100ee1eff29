//! Endless cycles.

use super::Schedule;

/// How the height of [`CyclicLr`]'s cycles changes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shrink {
    /// Not at all.
    Never,
    /// Each cycle is half as high as the previous one.
    Halves,
    /// By this factor at every step.
    EveryStep(f64),
}

/// Linear cycles from `base` to `max` and back (Smith 2017, "Cyclical learning rates for training neural networks"), as torch's
/// `CyclicLR` (mode "triangular").
#[derive(Clone, Copy, Debug)]
pub struct CyclicLr {
    rates: [f64; 2],
    momenta: [f64; 2],
    up: usize,
    down: usize,
    shrink: Shrink,
}

impl CyclicLr {
    /// Cycles of `steps` steps up, and as many down.
    ///
    /// ```
    /// use models::{CyclicLr, Schedule};
    /// let schedule = CyclicLr::new(0.1, 0.5, 4);
    /// assert_eq!([0, 2, 4, 6, 8].map(|step| schedule.lr(step)), [0.1, 0.3, 0.5, 0.3, 0.1]);
    /// ```
    ///
    /// # Panics
    /// When `steps` is 0.
    #[track_caller]
    pub fn new(base: impl Into<f64>, max: impl Into<f64>, steps: usize) -> CyclicLr {
        assert!(steps > 0, "CyclicLr: 0 steps up");
        let rates = [base.into(), max.into()];
        CyclicLr { rates, momenta: [0.8, 0.9], up: steps, down: steps, shrink: Shrink::Never }
    }

    /// Sets a different number of steps down.
    ///
    /// # Panics
    /// When `steps` is 0.
    #[track_caller]
    pub fn down(self, steps: usize) -> CyclicLr {
        assert!(steps > 0, "CyclicLr: 0 steps down");
        CyclicLr { down: steps, ..self }
    }

    /// Each cycle is half as high as the previous one (mode "triangular2").
    pub fn halving(self) -> CyclicLr {
        CyclicLr { shrink: Shrink::Halves, ..self }
    }

    /// The height at a step is `gamma^step` of the initial one (mode "exp_range").
    pub fn exp_range(self, gamma: impl Into<f64>) -> CyclicLr {
        CyclicLr { shrink: Shrink::EveryStep(gamma.into()), ..self }
    }

    /// The bounds of [`momentum`](CyclicLr::momentum), .8 and .9 by default.
    pub fn momentum_range(self, base: impl Into<f64>, max: impl Into<f64>) -> CyclicLr {
        CyclicLr { momenta: [base.into(), max.into()], ..self }
    }

    /// The momentum that torch sets along with the rate, in opposition to it: it falls while the rate rises.
    pub fn momentum(&self, step: usize) -> f32 {
        let [base, max] = self.momenta;
        (max - (max - base) * self.height(step)) as f32
    }

    /// The height at `step`: 0 at the base, 1 at the top of the first cycle.
    fn height(&self, step: usize) -> f64 {
        let (cycle, at) = (step / (self.up + self.down), step % (self.up + self.down));
        let height = if at <= self.up {
            at as f64 / self.up as f64
        } else {
            (self.up + self.down - at) as f64 / self.down as f64
        };
        height
            * match self.shrink {
                Shrink::Never => 1.0,
                Shrink::Halves => 0.5f64.powf(cycle as f64),
                Shrink::EveryStep(gamma) => gamma.powf(step as f64),
            }
    }
}

impl Schedule for CyclicLr {
    fn lr(&self, step: usize) -> f32 {
        let [base, max] = self.rates;
        (base + (max - base) * self.height(step)) as f32
    }
}
