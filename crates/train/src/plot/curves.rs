//! Curves over steps or epochs, in panels side by side.

use std::path::Path;

use image::imageops;

use super::legend::{self, Legend};
use super::panel::{self, PANEL_SIZE};
use super::picture::{TITLE_HEIGHT, save, titled};
use super::series::Curve;
use crate::Result;

/// A named line through points, in the order given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// What the legend calls it; lines of one name have one colour in all panels.
    pub name: String,
    /// `(x, y)`. A point that is not finite (or not positive on a logarithmic axis) is left out, and the
    /// line has a gap there.
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// A line called `name` through `points`.
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self { name: name.into(), points: points.into_iter().collect() }
    }
}

/// A pair of axes with lines.
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
    /// Whether the vertical axis is logarithmic.
    pub log_y: bool,
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

    /// The panel with a logarithmic vertical axis.
    pub fn log_y(mut self) -> Self {
        self.log_y = true;
        self
    }
}

/// Draws the panels side by side under a title and writes them to `path` as a PNG.
///
/// The picture is [`PANEL_SIZE`] for each panel, plus a strip for the title: two panels make 1200x500
/// pixels. A long noisy line, such as a loss at every step, goes pale behind its running mean, and the
/// legend says over how many points. Without panels, or in a panel without points, the picture says that
/// there is nothing to show.
///
/// # Errors
/// [`Error::Write`](crate::Error::Write) if the file cannot be written, and
/// [`Error::PictureSize`](crate::Error::PictureSize) for a hundred panels and more.
pub fn curves(path: impl AsRef<Path>, title: &str, panels: &[Panel]) -> Result<()> {
    let nothing = [Panel::default()];
    let panels = if panels.is_empty() { &nothing } else { panels };
    let (width, height) = (panels.len() * PANEL_SIZE.0 as usize, TITLE_HEIGHT + PANEL_SIZE.1);
    let mut picture = titled(title, width, height as usize)?;

    let styles = legend::styles(panels);
    let curves: Vec<Vec<Curve>> = panels
        .iter()
        .map(|panel| panel.series.iter().map(|series| Curve::new(series, panel.log_y)).collect())
        .collect();
    let legends: Vec<Legend> =
        curves.iter().zip(&styles).map(|(curves, styles)| Legend::new(curves, styles)).collect();
    // Panels side by side have their axes at the same height.
    let rows = legends.iter().map(Legend::rows).max().unwrap_or(0);
    for (index, panel) in panels.iter().enumerate() {
        let tile = panel::draw(panel, &curves[index], &styles[index], &legends[index], rows)?;
        imageops::replace(&mut picture, &tile, (index as u32 * PANEL_SIZE.0).into(), TITLE_HEIGHT.into());
    }
    save(&picture, path.as_ref())
}
