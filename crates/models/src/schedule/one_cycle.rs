//! The one-cycle schedule.

use super::{Anneal, Schedule, ratio};

/// One climb and one descent along cosines (Smith and Topin 2018), equal to torch's `OneCycleLR` with its defaults: from
/// `max / 25` to `max` over the first 30 % of the steps, then down to `max / 250,000`.
#[doc(alias = "OneCycleLR")]
#[derive(Clone, Copy, Debug)]
pub struct OneCycle {
    max: f64,
    steps: usize,
    warm: f64,
    div: f64,
    final_div: f64,
    momentum: [f64; 2],
    anneal: Anneal,
    three_phase: bool,
}

impl OneCycle {
    /// ```
    /// use models::{OneCycle, Schedule};
    /// let cycle = OneCycle::new(0.4, 101);
    /// assert!((cycle.lr(0) - 0.016).abs() < 1e-7);
    /// assert!(cycle.lr(100) < 2e-6);
    /// ```
    pub fn new(max: impl Into<f64>, steps: usize) -> OneCycle {
        OneCycle {
            max: max.into(),
            steps,
            warm: 0.3,
            div: 25.0,
            final_div: 1e4,
            momentum: [0.85, 0.95],
            anneal: Anneal::Cosine,
            three_phase: false,
        }
    }

    /// The fraction of steps in which the rate rises.
    pub fn warm(self, warm: impl Into<f64>) -> OneCycle {
        OneCycle { warm: warm.into(), ..self }
    }

    /// The first rate is `max / div`, the last one the first divided by `final_div`.
    pub fn div(self, div: impl Into<f64>, final_div: impl Into<f64>) -> OneCycle {
        OneCycle { div: div.into(), final_div: final_div.into(), ..self }
    }

    /// Linear instead of cosine interpolation.
    pub fn linear(self) -> OneCycle {
        OneCycle { anneal: Anneal::Linear, ..self }
    }

    /// Falls to the first rate in as many steps as it rose, and to the last rate in the remaining ones (Smith and Topin's own form).
    pub fn three_phase(self) -> OneCycle {
        OneCycle { three_phase: true, ..self }
    }

    /// The bounds of [`momentum`](OneCycle::momentum), .85 and .95 by default.
    pub fn momentum_range(self, base: impl Into<f64>, max: impl Into<f64>) -> OneCycle {
        OneCycle { momentum: [base.into(), max.into()], ..self }
    }

    /// The momentum that torch sets along with the rate, in opposition to it: it falls while the rate rises.
    ///
    /// ```
    /// use models::OneCycle;
    /// let cycle = OneCycle::new(0.4, 101).warm(0.5).linear();
    /// assert_eq!((cycle.momentum(0), cycle.momentum(100)), (0.95, 0.95));
    /// ```
    pub fn momentum(&self, step: usize) -> f32 {
        let [base, max] = self.momentum;
        self.along(step, [max, base, max, max])
    }

    /// The value at `step`, given the values at the start, at the top, at the end of the descent, and at the end.
    fn along(&self, step: usize, values: [f64; 4]) -> f32 {
        let (end, top) = (self.steps as f64 - 1.0, self.warm * self.steps as f64 - 1.0);
        let step = (step as f64).min(end);
        let [start, peak, foot, last] = values;
        let (from, to, begin, until) = if step <= top {
            (start, peak, 0.0, top)
        } else if !self.three_phase {
            (peak, last, top, end)
        } else if step <= 2.0 * top {
            (peak, foot, top, 2.0 * top)
        } else {
            (foot, last, 2.0 * top, end)
        };
        self.anneal.between(from, to, ratio(step - begin, until - begin)) as f32
    }
}

impl Schedule for OneCycle {
    fn lr(&self, step: usize) -> f32 {
        let first = self.max / self.div;
        self.along(step, [first, self.max, first, first / self.final_div])
    }
}
