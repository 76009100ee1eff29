//! Rates that fall when a metric stops improving.

/// Multiplies the rate by a factor when a metric has not improved for some time, as torch's `ReduceLROnPlateau`. The rate depends on the
/// metric, so this is not a [`Schedule`](super::Schedule): pass the metric to [`step`](ReduceLrOnPlateau::step) after every epoch.
///
/// ```
/// use models::ReduceLrOnPlateau;
/// let mut plateau = ReduceLrOnPlateau::new(0.1).patience(1);
/// for loss in [1.0, 0.5, 0.5, 0.5] {
///     plateau.step(loss);
/// }
/// assert_eq!(plateau.lr(), 0.01);
/// ```
#[derive(Clone, Debug)]
pub struct ReduceLrOnPlateau {
    lr: f64,
    maximize: bool,
    factor: f64,
    patience: usize,
    threshold: f64,
    relative: bool,
    cooldown: usize,
    min_lr: f64,
    eps: f64,
    best: Option<f64>,
    /// Calls without improvement since the best one, or since the last reduction.
    bad: usize,
    /// Remaining calls of the cooldown, in which bad calls are not counted.
    cooling: usize,
}

impl ReduceLrOnPlateau {
    /// Torch's defaults: a metric to minimise, factor .1, patience 10, relative threshold 1e-4, no cooldown, no smallest rate.
    pub fn new(lr: impl Into<f64>) -> ReduceLrOnPlateau {
        ReduceLrOnPlateau {
            lr: lr.into(),
            maximize: false,
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            relative: true,
            cooldown: 0,
            min_lr: 0.0,
            eps: 1e-8,
            best: None,
            bad: 0,
            cooling: 0,
        }
    }

    /// The metric is to be maximised, such as an accuracy.
    pub fn maximize(self) -> ReduceLrOnPlateau {
        ReduceLrOnPlateau { maximize: true, ..self }
    }

    /// What the rate is multiplied by; .1 by default.
    pub fn factor(self, factor: impl Into<f64>) -> ReduceLrOnPlateau {
        ReduceLrOnPlateau { factor: factor.into(), ..self }
    }

    /// The number of calls without improvement that are tolerated.
    pub fn patience(self, patience: usize) -> ReduceLrOnPlateau {
        ReduceLrOnPlateau { patience, ..self }
    }

    /// An improvement is a change by more than this fraction of the best metric.
    pub fn threshold(self, threshold: impl Into<f64>) -> ReduceLrOnPlateau {
        ReduceLrOnPlateau { threshold: threshold.into(), relative: true, ..self }
    }

    /// An improvement is a change by more than this amount.
    pub fn absolute_threshold(self, threshold: impl Into<f64>) -> ReduceLrOnPlateau {
        ReduceLrOnPlateau { threshold: threshold.into(), relative: false, ..self }
    }

    /// The number of calls after a reduction in which bad calls are not counted.
    pub fn cooldown(self, cooldown: usize) -> ReduceLrOnPlateau {
        ReduceLrOnPlateau { cooldown, ..self }
    }

    /// The rate never falls below this; 0 by default.
    pub fn min_lr(self, min_lr: impl Into<f64>) -> ReduceLrOnPlateau {
        ReduceLrOnPlateau { min_lr: min_lr.into(), ..self }
    }

    /// Reductions of the rate by at most `eps` are skipped.
    pub fn eps(self, eps: impl Into<f64>) -> ReduceLrOnPlateau {
        ReduceLrOnPlateau { eps: eps.into(), ..self }
    }

    /// The current rate.
    pub fn lr(&self) -> f32 {
        self.lr as f32
    }

    /// Updates the rate with the metric of an epoch.
    pub fn step(&mut self, metric: impl Into<f64>) {
        let metric = metric.into();
        if self.best.is_none_or(|best| self.is_better(metric, best)) {
            self.best = Some(metric);
            self.bad = 0;
        } else {
            self.bad += 1;
        }
        if self.cooling > 0 {
            self.cooling -= 1;
            self.bad = 0;
        }
        if self.bad > self.patience {
            let lr = (self.lr * self.factor).max(self.min_lr);
            if self.lr - lr > self.eps {
                self.lr = lr;
            }
            self.cooling = self.cooldown;
            self.bad = 0;
        }
    }

    fn is_better(&self, metric: f64, best: f64) -> bool {
        let margin = if self.relative { self.threshold * best } else { self.threshold };
        if self.maximize { metric > best + margin } else { metric < best - margin }
    }
}
