//! Rates that fall when there is no progress.

/// Multiplies the rate by a factor when a metric has not improved for some time, as torch's `ReduceLROnPlateau`. It depends on what
/// happens, so it is not a [`Schedule`](super::Schedule) but is told the metric after every epoch.
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
    /// Calls without progress since the best one, or since the last reduction.
    bad: usize,
    /// Calls that do not count as bad any more.
    cooling: usize,
}

impl ReduceLrOnPlateau {
    /// Torch's defaults: the metric is to fall, factor .1, patience 10, relative threshold 1e-4, no cooldown, no smallest rate.
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

    /// The metric is to grow, such as an accuracy.
    pub fn maximize(self) -> ReduceLrOnPlateau {
        ReduceLrOnPlateau { maximize: true, ..self }
    }

    pub fn factor(self, factor: impl Into<f64>) -> ReduceLrOnPlateau {
        ReduceLrOnPlateau { factor: factor.into(), ..self }
    }

    /// How many calls without progress are accepted.
    pub fn patience(self, patience: usize) -> ReduceLrOnPlateau {
        ReduceLrOnPlateau { patience, ..self }
    }

    /// Progress is a change by more than this share of the best metric.
    pub fn threshold(self, threshold: impl Into<f64>) -> ReduceLrOnPlateau {
        ReduceLrOnPlateau { threshold: threshold.into(), relative: true, ..self }
    }

    /// Progress is a change by more than this.
    pub fn absolute_threshold(self, threshold: impl Into<f64>) -> ReduceLrOnPlateau {
        ReduceLrOnPlateau { threshold: threshold.into(), relative: false, ..self }
    }

    /// How many calls after a reduction do not count.
    pub fn cooldown(self, cooldown: usize) -> ReduceLrOnPlateau {
        ReduceLrOnPlateau { cooldown, ..self }
    }

    pub fn min_lr(self, min_lr: impl Into<f64>) -> ReduceLrOnPlateau {
        ReduceLrOnPlateau { min_lr: min_lr.into(), ..self }
    }

    /// Smaller changes of the rate are left out.
    pub fn eps(self, eps: impl Into<f64>) -> ReduceLrOnPlateau {
        ReduceLrOnPlateau { eps: eps.into(), ..self }
    }

    /// The rate in force.
    pub fn lr(&self) -> f32 {
        self.lr as f32
    }

    /// Takes in the metric of an epoch.
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
