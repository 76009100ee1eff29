//! Learning rates over time.

use std::f64::consts::PI;

/// A learning rate for every optimizer step, counted from 0.
pub trait Schedule {
    /// The rate in force during step `step`.
    fn lr(&self, step: usize) -> f32;
}

impl<S: Schedule + ?Sized> Schedule for Box<S> {
    fn lr(&self, step: usize) -> f32 {
        (**self).lr(step)
    }
}

/// Always the same rate.
#[derive(Clone, Copy, Debug)]
pub struct Constant(pub f32);

impl Schedule for Constant {
    fn lr(&self, _: usize) -> f32 {
        self.0
    }
}

/// `lr * gamma^k` where `k` of the milestones have been reached (torch's `StepLR` and `MultiStepLR`).
#[derive(Clone, Debug)]
pub struct Step {
    lr: f64,
    gamma: f64,
    milestones: Vec<usize>,
}

impl Step {
    /// Multiplied by `gamma` at each of the given steps.
    ///
    /// ```
    /// use models::{Schedule, Step};
    /// let he = Step::new(0.1, 0.1, [32_000, 48_000]);
    /// assert_eq!((he.lr(31_999), he.lr(32_000)), (0.1, 0.01));
    /// ```
    pub fn new(lr: impl Into<f64>, gamma: impl Into<f64>, milestones: impl Into<Vec<usize>>) -> Step {
        Step { lr: lr.into(), gamma: gamma.into(), milestones: milestones.into() }
    }
}

impl Schedule for Step {
    fn lr(&self, step: usize) -> f32 {
        let reached = self.milestones.iter().filter(|&&m| step >= m).count();
        (self.lr * self.gamma.powi(reached as i32)) as f32
    }
}

/// Half a cosine from `lr` to `end` over `steps` steps (Loshchilov and Hutter 2017), then `end`.
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

    /// Climbs back to `lr` over the next `steps` steps, and so on, as torch's `CosineAnnealingLR` does after its `T_max`.
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

/// A linear climb from `lr * start` over `steps` steps, then another schedule, which counts from 0 there.
#[derive(Clone, Copy, Debug)]
pub struct Warmup<S> {
    start: f32,
    steps: usize,
    then: S,
}

impl<S: Schedule> Warmup<S> {
    /// ```
    /// use models::{Constant, Schedule, Warmup};
    /// let warm = Warmup::new(0.0, 10, Constant(0.1));
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

/// One climb and one descent along cosines (Smith and Topin 2018), equal to torch's `OneCycleLR` with its defaults: from
/// `max / 25` to `max` over the first 30 % of the steps, then down to `max / 250,000`.
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

    /// The share of the steps that climb.
    pub fn warm(self, warm: impl Into<f64>) -> OneCycle {
        OneCycle { warm: warm.into(), ..self }
    }

    /// The first rate is `max / div`, the last is that over `final_div`.
    pub fn div(self, div: impl Into<f64>, final_div: impl Into<f64>) -> OneCycle {
        OneCycle { div: div.into(), final_div: final_div.into(), ..self }
    }

    /// Straight lines instead of cosines.
    pub fn linear(self) -> OneCycle {
        OneCycle { anneal: Anneal::Linear, ..self }
    }

    /// Down to the first rate in as many steps as it climbed, and to the last rate in the rest (Smith and Topin's own form).
    pub fn three_phase(self) -> OneCycle {
        OneCycle { three_phase: true, ..self }
    }

    /// The bounds of [`momentum`](OneCycle::momentum), .85 and .95 by default.
    pub fn momentum_range(self, base: impl Into<f64>, max: impl Into<f64>) -> OneCycle {
        OneCycle { momentum: [base.into(), max.into()], ..self }
    }

    /// The momentum that torch sets beside the rate: it falls while the rate climbs, and climbs while the rate falls.
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

    /// The value at `step` on the way through `values`: at the start, at the top, at the end of the descent, at the end.
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

/// How one value becomes another.
#[derive(Clone, Copy, Debug)]
enum Anneal {
    /// Half a cosine.
    Cosine,
    Linear,
}

impl Anneal {
    /// From `from` at 0 to `to` at 1. In f64: near the end of a cosine little is left of its digits.
    fn between(self, from: f64, to: f64, at: f64) -> f64 {
        match self {
            Anneal::Cosine => to + (from - to) * 0.5 * (1.0 + (PI * at).cos()),
            Anneal::Linear => from + (to - from) * at,
        }
    }
}

/// `part / whole`; 1 of nothing.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 1.0 } else { part / whole }
}
