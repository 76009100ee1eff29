//! What a panel shows: titles, axes, and what lies between them.

use crate::curves::Series;
use crate::layer::Layer;

/// A pair of axes with lines, and with fields, points, bars and bands under them.
///
/// ```
/// use plot::{Bars, Panel};
/// let bars = Bars::new("accuracy", [0.91, 0.94]).errors([0.01, 0.02]);
/// let panel = Panel::new("Test", "", "accuracy").layer(bars).x_names(["SGD", "Adam"]).y_range(0.8, 1.0);
/// assert_eq!(panel.layers.len(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Panel {
    /// Written over the panel.
    pub title: String,
    /// What the horizontal axis counts.
    pub x_label: String,
    /// What the vertical axis measures.
    pub y_label: String,
    /// The lines, the first drawn on top.
    pub series: Vec<Series>,
    /// What lies under the lines, the first at the bottom.
    pub layers: Vec<Layer>,
    /// Whether the horizontal axis is logarithmic.
    pub log_x: bool,
    /// Whether the vertical axis is logarithmic.
    pub log_y: bool,
    /// The ends of the horizontal axis; `None` fits everything.
    pub x_range: Option<(f64, f64)>,
    /// The ends of the vertical axis.
    pub y_range: Option<(f64, f64)>,
    /// Names of 0, 1, ... on the horizontal axis, instead of numbers.
    pub x_names: Vec<String>,
    /// Names of 0, 1, ... on the vertical axis.
    pub y_names: Vec<String>,
    /// Whether the vertical axis points down, as the rows of a matrix do.
    pub y_down: bool,
    /// Whether both axes have one scale.
    pub equal: bool,
}

impl Panel {
    /// A panel without lines.
    pub fn new(title: impl Into<String>, x_label: impl Into<String>, y_label: impl Into<String>) -> Self {
        Self { title: title.into(), x_label: x_label.into(), y_label: y_label.into(), ..Self::default() }
    }

    /// The panel with one more line.
    pub fn with(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// The panel with one more layer over the others and under the lines.
    pub fn layer(mut self, layer: impl Into<Layer>) -> Self {
        self.layers.push(layer.into());
        self
    }

    /// The panel with a logarithmic horizontal axis.
    pub fn log_x(mut self) -> Self {
        self.log_x = true;
        self
    }

    /// The panel with a logarithmic vertical axis.
    pub fn log_y(mut self) -> Self {
        self.log_y = true;
        self
    }

    /// The panel with a horizontal axis from `low` to `high`; what lies outside is cut off.
    pub fn x_range(mut self, low: f64, high: f64) -> Self {
        self.x_range = Some((low, high));
        self
    }

    /// The panel with a vertical axis from `low` to `high`.
    pub fn y_range(mut self, low: f64, high: f64) -> Self {
        self.y_range = Some((low, high));
        self
    }

    /// The panel with names of 0, 1, ... on its horizontal axis.
    pub fn x_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.x_names = names.into_iter().map(Into::into).collect();
        self
    }

    /// The panel with names of 0, 1, ... on its vertical axis.
    pub fn y_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.y_names = names.into_iter().map(Into::into).collect();
        self
    }

    /// The panel with its vertical axis pointing down.
    pub fn y_down(mut self) -> Self {
        self.y_down = true;
        self
    }

    /// The panel with one scale for both axes: a circle is round.
    pub fn equal(mut self) -> Self {
        self.equal = true;
        self
    }
}
