//! Bars from zero: counts, histograms, scores with their errors.

use crate::axes::Axes;
use crate::canvas::Canvas;
use crate::theme::Color;

/// Bars of one colour.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bars {
    /// What the legend calls them.
    pub name: String,
    /// `(middle, height)`.
    pub bars: Vec<(f64, f64)>,
    /// Width in units of the axis.
    pub width: f64,
    /// How far the error bars reach up and down; empty without them.
    pub errors: Vec<f64>,
}

impl Bars {
    /// Bars at 0, 1, ..., 0.7 wide.
    pub fn new(name: impl Into<String>, heights: impl IntoIterator<Item = f64>) -> Bars {
        let bars = heights.into_iter().enumerate().map(|(i, height)| (i as f64, height)).collect();
        Bars { name: name.into(), bars, width: 0.7, errors: vec![] }
    }

    /// How many of the finite values lie in each of `bins` equal ranges, as shares of them all.
    pub fn histogram(name: impl Into<String>, values: &[f32], bins: usize) -> Bars {
        let finite: Vec<f64> = values.iter().map(|&v| f64::from(v)).filter(|v| v.is_finite()).collect();
        let (low, high) = finite.iter().fold((f64::MAX, f64::MIN), |(l, h), &v| (v.min(l), v.max(h)));
        let (low, high) = if high > low { (low, high) } else { (low - 0.5, low + 0.5) };
        let bins = if finite.is_empty() { 0 } else { bins.max(1) };
        let width = (high - low) / bins.max(1) as f64;
        let mut counts = vec![0u64; bins];
        for value in &finite {
            counts[(((value - low) / width) as usize).min(bins - 1)] += 1;
        }
        let bar =
            |(i, count): (usize, u64)| (low + (i as f64 + 0.5) * width, count as f64 / finite.len() as f64);
        Bars {
            name: name.into(),
            bars: counts.into_iter().enumerate().map(bar).collect(),
            width,
            errors: vec![],
        }
    }

    /// Bars with error bars, one each.
    pub fn errors(mut self, errors: impl IntoIterator<Item = f64>) -> Bars {
        self.errors = errors.into_iter().collect();
        self
    }

    /// Moves and narrows the bars to be the `index`-th of `count` groups side by side.
    pub fn group(mut self, index: usize, count: usize) -> Bars {
        let count = count.max(1) as f64;
        let step = 0.8 / count;
        self.bars.iter_mut().for_each(|bar| bar.0 += (index as f64 - (count - 1.0) / 2.0) * step);
        self.width = 0.92 * step;
        self
    }

    fn error(&self, index: usize) -> f64 {
        self.errors.get(index).copied().unwrap_or(0.0)
    }

    /// Where bars and error bars begin and end.
    pub(crate) fn corners(&self) -> Vec<(f64, f64)> {
        let corner = |(index, &(at, height)): (usize, &(f64, f64))| {
            let (left, right, error) = (at - self.width / 2.0, at + self.width / 2.0, self.error(index));
            [(left, 0.0), (right, 0.0), (left, height - error), (right, height + error)]
        };
        self.bars.iter().enumerate().flat_map(corner).collect()
    }

    pub(crate) fn draw(&self, canvas: &Canvas, axes: &Axes, color: Color) {
        let ink = canvas.colors().ink;
        let rounded = |(x, y): (f64, f64)| (x.round(), y.round());
        for (index, &(at, height)) in self.bars.iter().enumerate() {
            let (left, right) = (at - self.width / 2.0, at + self.width / 2.0);
            let Some((from, to)) = axes.clipped_box((left, 0.0), (right, height)) else { continue };
            // Half a pixel between neighbours.
            let gap = if to.0 - from.0 > 3.0 { 0.5 } else { 0.0 };
            // On whole pixels, and never less than one wide.
            let (left, right) = (from.0 + gap, (to.0 - gap).max(from.0 + gap + 1.0));
            canvas.filled((left, from.1), (right, to.1), color);
            let error = self.error(index);
            if error > 0.0 {
                // Two pixels wide, on whole pixels.
                let (x, low) = rounded(axes.clamped((at, height - error)));
                let (_, high) = rounded(axes.clamped((at, height + error)));
                canvas.filled((x - 1.0, low), (x + 1.0, high), ink);
                for y in [low, high] {
                    canvas.filled((x - 5.0, y - 1.0), (x + 5.0, y + 1.0), ink);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_count_what_is_finite() {
        let bars = Bars::histogram("w", &[0.0, 0.1, 0.9, 1.0, f32::NAN, f32::INFINITY], 2);
        assert_eq!(bars.bars, [(0.25, 0.5), (0.75, 0.5)]);
        assert_eq!(Bars::histogram("w", &[3.0; 4], 4).bars.iter().map(|bar| bar.1).sum::<f64>(), 1.0);
        assert!(Bars::histogram("w", &[f32::NAN], 4).bars.is_empty());
    }

    #[test]
    fn groups_stand_side_by_side() {
        let middles = |index| Bars::new("a", [1.0]).group(index, 2).bars[0].0;
        assert!((middles(0) + 0.2).abs() < 1e-12 && (middles(1) - 0.2).abs() < 1e-12);
        assert!(Bars::new("a", [1.0]).group(0, 2).width < 0.4);
    }
}
