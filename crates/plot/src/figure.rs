//! A picture of several parts under one title.

use std::path::Path;

use image::{RgbImage, imageops};

use crate::axes::{self, PANEL_SIZE};
use crate::grid::{self, GridImage};
use crate::legend::{self, Legend};
use crate::panel::Panel;
use crate::parallel::Parallel;
use crate::picture::{TITLE_HEIGHT, TITLE_SIZE, check_size, png, titled};
use crate::series::Curve;
use crate::surface::Surface;
use crate::text::text_width;
use crate::theme::Theme;
use crate::{Error, Result};

/// Panels, surfaces, parallel coordinates and image grids in rows under a title.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use plot::{Field, Figure, Panel, Theme};
/// let bowl = Field::sample((-1.0, 1.0), (-1.0, 1.0), 50, |x, y| x * x + 3.0 * y * y);
/// let panel = Panel::new("Loss", "w0", "w1").layer(bowl.contours(8).bar("loss"));
/// let png = Figure::new("A bowl").theme(Theme::Dark).panel(panel).png()?;
/// assert_eq!(&png[1..4], b"PNG");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Figure<'a> {
    title: String,
    theme: Theme,
    /// Parts in a row; `None` for all of them.
    columns: Option<usize>,
    parts: Vec<Part<'a>>,
}

#[derive(Clone, Debug)]
enum Part<'a> {
    Panel(Panel),
    Surface(Surface),
    Parallel(Parallel),
    Images(&'a [GridImage<'a>], usize),
}

impl<'a> Figure<'a> {
    /// A picture without parts, in the light theme.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// The picture in a theme.
    pub fn theme(mut self, theme: Theme) -> Self {
        self.theme = theme;
        self
    }

    /// The picture with at most `columns` parts side by side.
    pub fn columns(mut self, columns: usize) -> Self {
        self.columns = Some(columns.max(1));
        self
    }

    /// The picture with one more panel. Lines of one name have one colour in all panels.
    pub fn panel(mut self, panel: Panel) -> Self {
        self.parts.push(Part::Panel(panel));
        self
    }

    /// The picture with one more surface.
    pub fn surface(mut self, surface: Surface) -> Self {
        self.parts.push(Part::Surface(surface));
        self
    }

    /// The picture with one more plot of parallel coordinates.
    pub fn parallel(mut self, parallel: Parallel) -> Self {
        self.parts.push(Part::Parallel(parallel));
        self
    }

    /// The picture with one more grid of images, `columns` in a row.
    pub fn images(mut self, images: &'a [GridImage<'a>], columns: usize) -> Self {
        self.parts.push(Part::Images(images, columns));
        self
    }

    /// Writes the picture as a PNG; an error leaves the file as it was.
    ///
    /// # Errors
    /// [`Error::Write`] if the file cannot be written, [`Error::PictureSize`] if the picture would be too large,
    /// [`Error::ImageSize`] for an image whose bytes do not fit its size.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let refused = |source| Error::Write { path: path.to_owned(), source };
        gpu_core::write_atomically(path, &self.png()?).map_err(refused)
    }

    /// The bytes of a PNG file.
    ///
    /// # Errors
    /// As [`Figure::save`].
    pub fn png(&self) -> Result<Vec<u8>> {
        png(&self.draw()?)
    }

    fn draw(&self) -> Result<RgbImage> {
        let columns = self.columns.unwrap_or(self.parts.len()).max(1);
        // Before anything is drawn: many panels take long.
        let panels = self.parts.len() * PANEL_SIZE.0 as usize;
        if self.parts.iter().all(|part| matches!(part, Part::Panel(_))) {
            let rows = self.parts.len().div_ceil(columns);
            check_size(panels.min(columns * PANEL_SIZE.0 as usize), rows * PANEL_SIZE.1 as usize)?;
        }
        let tiles = self.tiles()?;
        let rows: Vec<&[RgbImage]> = tiles.chunks(columns).collect();
        let width_of = |row: &[RgbImage]| row.iter().map(|tile| tile.width() as usize).sum::<usize>();
        let height_of = |row: &[RgbImage]| row.iter().map(|tile| tile.height() as usize).max().unwrap_or(0);
        let title = text_width(&self.title.chars().take(200).collect::<String>(), TITLE_SIZE).min(900.0)
            as usize
            + 48;
        let width = rows.iter().map(|row| width_of(row)).max().unwrap_or(0).max(title);
        let height = TITLE_HEIGHT as usize + rows.iter().map(|row| height_of(row)).sum::<usize>();
        let mut picture = titled(self.theme, &self.title, width, height)?;
        let mut y = TITLE_HEIGHT as usize;
        for row in rows {
            let mut x = (width - width_of(row)) / 2;
            for tile in row {
                imageops::replace(&mut picture, tile, x as i64, y as i64);
                x += tile.width() as usize;
            }
            y += height_of(row);
        }
        Ok(picture)
    }

    fn tiles(&self) -> Result<Vec<RgbImage>> {
        let panels: Vec<&Panel> = self
            .parts
            .iter()
            .filter_map(|part| if let Part::Panel(panel) = part { Some(panel) } else { None })
            .collect();
        let mut drawn = draw_panels(self.theme, &panels).into_iter();
        let tile = |part: &Part| match part {
            Part::Panel(_) => Ok(drawn.next().expect("a tile for each panel")),
            Part::Surface(surface) => Ok(surface.draw(self.theme)),
            Part::Parallel(parallel) => parallel.draw(self.theme),
            Part::Images(images, columns) => grid::draw(self.theme, images, *columns),
        };
        self.parts.iter().map(tile).collect()
    }
}

/// Draws the panels of one picture, with one style for each name and all axes at the same height.
fn draw_panels(theme: Theme, panels: &[&Panel]) -> Vec<RgbImage> {
    let styles = legend::styles(panels, theme);
    let curves: Vec<Vec<Curve>> = panels
        .iter()
        .map(|panel| panel.series.iter().map(|series| Curve::new(series, panel.log_x, panel.log_y)).collect())
        .collect();
    let legends: Vec<Legend> =
        (0..panels.len()).map(|i| Legend::new(&curves[i], &panels[i].layers, &styles[i])).collect();
    let rows = legends.iter().map(Legend::rows).max().unwrap_or(0);
    (0..panels.len())
        .map(|i| axes::draw(theme, panels[i], &curves[i], &styles[i], &legends[i], rows))
        .collect()
}
