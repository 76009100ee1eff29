//! The range of an axis.

use crate::ticks::{self, Tick};

/// The part of a number line that a plot shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Axis {
    /// Ends of the range; their logarithms if `log`.
    low: f64,
    high: f64,
    log: bool,
    /// Only whole numbers occur, such as steps and epochs.
    whole: bool,
}

impl Axis {
    /// A range that holds all the values, with `margin` (a share of their span) on both sides.
    pub fn around(values: impl Iterator<Item = f64> + Clone, log: bool, margin: f64) -> Self {
        let whole = !log && values.clone().all(|value| value.fract() == 0.0);
        let scale = |value: f64| if log { value.log10() } else { value };
        let ends = values.map(scale).fold(None, |ends, value| match ends {
            None => Some((value, value)),
            Some((low, high)) => Some((value.min(low), value.max(high))),
        });
        let Some((lowest, highest)) = ends else {
            return Self { low: 0.0, high: 1.0, log, whole: false };
        };

        let (span, size) = (highest - lowest, lowest.abs().max(highest.abs()));
        let padding = match span {
            _ if span > 1e-9 * size && span > 1e-100 => margin * span,
            _ if whole => (0.1 * size).max(1.0),
            _ if log || size <= 1e-100 => 0.5,
            _ => 0.1 * size,
        };
        // Values that are never negative get no negative ticks; ranges that start near zero start at zero.
        let at_zero = !log && lowest >= 0.0 && lowest <= (0.25 * span).max(padding);
        let low = if at_zero { 0.0 } else { lowest - padding };
        Self { low, high: highest + padding, log, whole }
    }

    /// Exactly from `low` to `high`, both positive if `log`; an empty range is widened, and an infinite one clamped.
    pub fn exact(low: f64, high: f64, log: bool) -> Self {
        let scale = |value: f64| if log { value.max(1e-100).log10() } else { value };
        let most = if log { 100.0 } else { 1e100 };
        let sane = |value: f64| if value.is_nan() { 0.0 } else { value.clamp(-most, most) };
        let (low, high) = (sane(scale(low)), sane(scale(high)));
        let (low, high) = (low.min(high), low.max(high));
        let empty = high - low <= 1e-12 * low.abs().max(high.abs()) || high - low < 1e-100;
        let grow = if empty { 0.5 * low.abs().max(1.0) } else { 0.0 };
        Self { low: low - grow, high: high + grow, log, whole: false }
    }

    /// The value `share` of the way from the low end to the high end.
    pub fn value(&self, share: f64) -> f64 {
        let scaled = self.low + share * (self.high - self.low);
        if self.log { 10_f64.powf(scaled) } else { scaled }
    }

    /// Where a value lies: 0 at the low end, 1 at the high end.
    pub fn position(&self, value: f64) -> f64 {
        self.share(if self.log { value.log10() } else { value })
    }

    /// Ticks and their positions, with at most `most` labels.
    pub fn ticks(&self, most: usize) -> Vec<(f64, Tick)> {
        let ticks = match self.log {
            true => ticks::logarithmic(self.low, self.high, most),
            false => ticks::linear(self.low, self.high, most, self.whole),
        };
        ticks.into_iter().map(|tick| (self.share(tick.value), tick)).collect()
    }

    fn share(&self, scaled: f64) -> f64 {
        (scaled - self.low) / (self.high - self.low)
    }
}
