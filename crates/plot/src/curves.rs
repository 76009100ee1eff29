//! Lines, and the short way to draw panels of them.

use std::path::Path;

use crate::Result;
use crate::figure::Figure;
use crate::panel::Panel;

/// A named line through points, in the order given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// What the legend calls it; lines of one name have one colour in all panels.
    pub name: String,
    /// `(x, y)`. A point that is not finite (or not positive on a logarithmic axis) is left out, and the
    /// line has a gap there.
    pub points: Vec<(f64, f64)>,
    /// Whether the line is a path, drawn through every point as it is. Otherwise the points are measurements by step: a long
    /// noisy line is shown by its running mean, and a short line has a mark at each point.
    pub exact: bool,
}

impl Series {
    /// A line called `name` through `points`.
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self { name: name.into(), points: points.into_iter().collect(), exact: false }
    }

    /// The line as a path, drawn as it is.
    pub fn exact(mut self) -> Self {
        self.exact = true;
        self
    }
}

/// Draws the panels side by side under a title and writes them to `path` as a PNG: [`Figure`] in its light theme.
///
/// The picture is [`PANEL_SIZE`](crate::PANEL_SIZE) for each panel, plus a strip for the title: two panels make 1200x500 pixels.
/// A long noisy line, such as a loss at every step, is drawn pale behind its running mean, and the legend says over how many
/// points. Without panels, or in a panel without points, the picture says that there is nothing to show.
///
/// # Errors
/// [`Error::Write`](crate::Error::Write) if the file cannot be written, and [`Error::PictureSize`](crate::Error::PictureSize) for
/// 110 panels or more.
pub fn curves(path: impl AsRef<Path>, title: &str, panels: &[Panel]) -> Result<()> {
    let nothing = [Panel::default()];
    let panels = if panels.is_empty() { &nothing } else { panels };
    panels.iter().cloned().fold(Figure::new(title), Figure::panel).save(path)
}
