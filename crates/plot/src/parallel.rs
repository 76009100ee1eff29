//! Parallel coordinates: what the best of many settings have in common.

use image::RgbImage;

use crate::Result;
use crate::axes::{LABEL_SIZE, TICK_SIZE, TITLE_SIZE};
use crate::axis::Axis;
use crate::canvas::{Anchor, Canvas};
use crate::color_map::line_color;
use crate::legend::Style;
use crate::picture::check_size;
use crate::text::{fit, text_width};
use crate::theme::Theme;

const HEIGHT: f64 = 448.0;
const SPACING: f64 = 150.0;
const MARGIN: f64 = 90.0;
const TOP: f64 = 76.0;
const BOTTOM: f64 = 410.0;

/// An upright axis for each quantity, and a line through all of them for each trial.
///
/// ```
/// use plot::{Dimension, Parallel};
/// let trials = Parallel::new("Trials")
///     .dimension(Dimension::new("learning rate", [0.1, 0.01]).log())
///     .dimension(Dimension::named("optimizer", ["sgd", "adam"]))
///     .dimension(Dimension::new("accuracy", [0.90, 0.93]));
/// assert_eq!(trials.dimensions[1].values, [0.0, 1.0]);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parallel {
    /// Written above the plot.
    pub title: String,
    /// From left to right; the last one colours the lines.
    pub dimensions: Vec<Dimension>,
}

/// The values of one quantity in all trials.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dimension {
    /// Written above the axis.
    pub name: String,
    /// One for each trial; a trial with a value that is not finite is not drawn.
    pub values: Vec<f64>,
    /// Whether the axis is logarithmic.
    pub log: bool,
    /// The names of 0, 1, ...
    pub names: Vec<String>,
}

impl Dimension {
    /// Numbers, one for each trial.
    pub fn new(name: impl Into<String>, values: impl IntoIterator<Item = f64>) -> Dimension {
        Dimension { name: name.into(), values: values.into_iter().collect(), ..Dimension::default() }
    }

    /// Choices, one for each trial.
    pub fn named<S: Into<String>>(
        name: impl Into<String>,
        choices: impl IntoIterator<Item = S>,
    ) -> Dimension {
        let mut dimension = Dimension { name: name.into(), ..Dimension::default() };
        for choice in choices {
            let choice = choice.into();
            let place = dimension.names.iter().position(|name| *name == choice);
            let place = place.unwrap_or_else(|| {
                dimension.names.push(choice);
                dimension.names.len() - 1
            });
            dimension.values.push(place as f64);
        }
        dimension
    }

    /// The quantity on a logarithmic axis.
    pub fn log(mut self) -> Dimension {
        self.log = true;
        self
    }

    fn axis(&self) -> Axis {
        if !self.names.is_empty() {
            return Axis::exact(-0.3, self.names.len() as f64 - 0.7, false);
        }
        let shown = |value: &&f64| value.is_finite() && (!self.log || **value > 0.0);
        let values = || self.values.iter().filter(shown);
        let low = values().fold(f64::MAX, |low, &value| low.min(value));
        let high = values().fold(f64::MIN, |high, &value| high.max(value));
        if low <= high { Axis::exact(low, high, self.log) } else { Axis::exact(0.0, 1.0, false) }
    }

    fn ticks(&self, axis: &Axis) -> Vec<(f64, String)> {
        if self.names.is_empty() {
            return axis.ticks(6).into_iter().map(|(share, tick)| (share, tick.label)).collect();
        }
        self.names.iter().enumerate().map(|(i, name)| (axis.position(i as f64), name.clone())).collect()
    }
}

impl Parallel {
    /// A plot without axes.
    pub fn new(title: impl Into<String>) -> Parallel {
        Parallel { title: title.into(), dimensions: vec![] }
    }

    /// The plot with one more axis.
    pub fn dimension(mut self, dimension: Dimension) -> Parallel {
        self.dimensions.push(dimension);
        self
    }

    pub(crate) fn draw(&self, theme: Theme) -> Result<RgbImage> {
        let count = self.dimensions.len();
        let width = (2.0 * MARGIN + SPACING * count.saturating_sub(1) as f64).max(400.0);
        let axes: Vec<Axis> = self.dimensions.iter().map(Dimension::axis).collect();
        check_size(width as usize, HEIGHT as usize)?;
        Ok(Canvas::paint(theme, width as u32, HEIGHT as u32, |canvas| {
            let colors = canvas.colors();
            let title = fit(&self.title, TITLE_SIZE, width - 40.0);
            canvas.text(&title, TITLE_SIZE, colors.ink, (width / 2.0, 14.0), Anchor::Center);
            if count < 2 {
                let at = (width / 2.0, HEIGHT / 2.0);
                return canvas.text("nothing to show yet", LABEL_SIZE, colors.soft_ink, at, Anchor::Center);
            }
            self.lines(canvas, &axes);
            self.axes(canvas, &axes);
        }))
    }

    /// The lines of the trials, the highest in the last quantity on top.
    fn lines(&self, canvas: &Canvas, axes: &[Axis]) {
        let trials = self.dimensions.iter().map(|d| d.values.len()).min().unwrap_or(0);
        let shares = |trial: usize| -> Option<Vec<f64>> {
            let share = |(d, axis): (&Dimension, &Axis)| {
                let share = axis.position(d.values[trial]);
                (-1e-6..=1.0 + 1e-6).contains(&share).then_some(share)
            };
            self.dimensions.iter().zip(axes).map(share).collect()
        };
        let mut lines: Vec<Vec<f64>> = (0..trials).filter_map(shares).collect();
        let last = axes.len() - 1;
        lines.sort_by(|a, b| a[last].total_cmp(&b[last]));
        for line in lines {
            let color = line_color(line[last], canvas.theme());
            let points: Vec<(f64, f64)> =
                line.iter().enumerate().map(|(i, &share)| (place(i), height(share))).collect();
            canvas.stroke(&eased(&points), 1.8, Style { color, dashed: false });
        }
    }

    fn axes(&self, canvas: &Canvas, axes: &[Axis]) {
        let colors = canvas.colors();
        for (i, (dimension, axis)) in self.dimensions.iter().zip(axes).enumerate() {
            let x = place(i);
            canvas.rule((x, TOP), (x, BOTTOM), colors.axis);
            let name = fit(&dimension.name, LABEL_SIZE, SPACING - 10.0);
            canvas.text(&name, LABEL_SIZE, colors.ink, (x, TOP - 22.0), Anchor::Center);
            for (share, label) in dimension.ticks(axis) {
                if label.is_empty() {
                    continue;
                }
                let (y, label) = (height(share), fit(&label, TICK_SIZE, 70.0));
                canvas.rule((x - 4.0, y), (x, y), colors.axis);
                // The background under the label keeps lines from crossing it.
                let left = x - 9.0 - text_width(&label, TICK_SIZE);
                canvas.filled((left - 2.0, y - 8.0), (x - 7.0, y + 8.0), colors.background);
                canvas.text(&label, TICK_SIZE, colors.soft_ink, (x - 8.0, y), Anchor::Right);
            }
        }
    }
}

fn place(dimension: usize) -> f64 {
    MARGIN + SPACING * dimension as f64
}

fn height(share: f64) -> f64 {
    BOTTOM - share * (BOTTOM - TOP)
}

/// Points joined by curves that cross each axis level, so that lines can be followed through it.
fn eased(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    const PIECES: usize = 24;
    let between = |pair: &[(f64, f64)]| {
        let (from, to) = (pair[0], pair[1]);
        (0..=PIECES).map(move |i| {
            let t = i as f64 / PIECES as f64;
            (from.0 + t * (to.0 - from.0), from.1 + t * t * (3.0 - 2.0 * t) * (to.1 - from.1))
        })
    };
    points.windows(2).flat_map(between).collect()
}
