//! Images in a grid, each over its caption.

use std::path::Path;

use image::{Rgb, RgbImage, imageops};

use crate::canvas::{Anchor, Canvas};
use crate::figure::Figure;
use crate::picture::check_size;
use crate::text::wrap;
use crate::theme::{Color, Colors, Theme};
use crate::{Error, Result};

/// Small images grow by a whole factor until their longer side is about this long.
const TARGET_SIDE: f64 = 96.0;
const LABEL_SIZE: f64 = 13.0;
const LABEL_LINES: usize = 2;
const LINE_HEIGHT: f64 = 16.0;
const MARGIN: usize = 20;
const GAP: usize = 14;
const FRAME: usize = 3;
/// The least width for a caption, however narrow the images are.
const MIN_CELL: usize = 96;

/// An image with its caption.
#[derive(Clone, Debug, PartialEq)]
pub struct GridImage<'a> {
    /// Grey or RGB bytes, `[1, height, width]` or `[3, height, width]`.
    pub pixels: &'a [u8],
    /// Rows of pixels.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
    /// The caption, such as `cat -> dog`; a long one goes on two lines.
    pub label: String,
    /// Whether the caption is right, for the colour of the frame; `None` frames it in grey.
    pub ok: Option<bool>,
}

/// Draws the images in rows of `columns` under a title and writes them to `path` as a PNG: [`Figure`] in its light theme.
///
/// All images are enlarged by the same whole factor, without smoothing: three for CIFAR's 32x32 pixels. The
/// picture is as large as that needs.
///
/// # Errors
/// [`Error::ImageSize`] for an image whose bytes do not fit its size, [`Error::PictureSize`] if the picture would be too large,
/// [`Error::Write`] if the file cannot be written.
pub fn image_grid(path: impl AsRef<Path>, title: &str, images: &[GridImage], columns: usize) -> Result<()> {
    Figure::new(title).images(images, columns).save(path)
}

/// Draws the images without a title.
pub(crate) fn draw(theme: Theme, images: &[GridImage], columns: usize) -> Result<RgbImage> {
    images.iter().enumerate().try_for_each(|(index, image)| image.check(index))?;
    if images.is_empty() { Ok(empty(theme)) } else { Layout::new(images, columns).draw(theme, images) }
}

impl GridImage<'_> {
    pub(crate) fn check(&self, index: usize) -> Result<()> {
        let area = self.height.checked_mul(self.width).filter(|area| *area > 0);
        if area
            .is_some_and(|area| self.pixels.len() == area || Some(self.pixels.len()) == area.checked_mul(3))
        {
            return Ok(());
        }
        let (label, found) = (self.label.clone(), self.pixels.len());
        Err(Error::ImageSize { index, label, found, height: self.height, width: self.width })
    }

    fn color(&self, colors: &Colors) -> Color {
        match self.ok {
            Some(true) => colors.right,
            Some(false) => colors.wrong,
            None => colors.neutral,
        }
    }

    /// The image, enlarged.
    fn scaled(&self, factor: usize) -> RgbImage {
        let plane = self.height * self.width;
        let last = self.pixels.len() / plane - 1;
        let pixel = |x: u32, y: u32| {
            let at = (y as usize / factor) * self.width + x as usize / factor;
            Rgb([0, 1, 2].map(|channel: usize| self.pixels[channel.min(last) * plane + at]))
        };
        RgbImage::from_fn((self.width * factor) as u32, (self.height * factor) as u32, pixel)
    }
}

/// The layout of a grid, in pixels.
struct Layout {
    columns: usize,
    rows: usize,
    factor: usize,
    /// Height of the tallest image, enlarged.
    height: usize,
    /// Width of a cell without the gap next to it.
    cell: usize,
    /// Lines of the longest caption.
    lines: usize,
}

impl Layout {
    fn new(images: &[GridImage], columns: usize) -> Self {
        let columns = columns.clamp(1, images.len());
        let width = images.iter().map(|image| image.width).max().unwrap_or(1);
        let height = images.iter().map(|image| image.height).max().unwrap_or(1);
        let factor = (TARGET_SIDE / width.max(height) as f64).round().max(1.0) as usize;
        let (width, height) = (width * factor, height * factor);
        let mut layout = Self {
            columns,
            rows: images.len().div_ceil(columns),
            factor,
            height,
            cell: (width + 2 * FRAME).max(MIN_CELL),
            lines: 0,
        };
        layout.lines = images.iter().map(|image| layout.caption(&image.label).len()).max().unwrap_or(0);
        layout
    }

    fn caption(&self, label: &str) -> Vec<String> {
        wrap(label, LABEL_SIZE, self.cell as f64, LABEL_LINES)
    }

    fn draw(&self, theme: Theme, images: &[GridImage]) -> Result<RgbImage> {
        let colors = theme.colors();
        let caption_height = 6 + (self.lines as f64 * LINE_HEIGHT) as u32;
        let row_height = self.height + 2 * FRAME + caption_height as usize + GAP;
        let width = self.columns * (self.cell + GAP) - GAP + 2 * MARGIN;
        let height = self.rows * row_height + MARGIN - GAP;
        check_size(width, height)?;
        let Color(r, g, b) = colors.background;
        let mut picture = RgbImage::from_pixel(width as u32, height as u32, Rgb([r, g, b]));

        for (index, image) in images.iter().enumerate() {
            let (row, column) = (index / self.columns, index % self.columns);
            let x = MARGIN + column * (self.cell + GAP);
            let y = row * row_height;
            let framed = framed(&image.scaled(self.factor), image.color(colors));
            let inset_x = (self.cell - framed.width() as usize) / 2;
            let inset_y = (self.height + 2 * FRAME - framed.height() as usize) / 2;
            imageops::replace(&mut picture, &framed, (x + inset_x) as i64, (y + inset_y) as i64);

            let color = if image.ok == Some(false) { colors.wrong } else { colors.ink };
            let caption = Canvas::paint(theme, self.cell as u32, caption_height, |canvas| {
                for (line, text) in self.caption(&image.label).iter().enumerate() {
                    let at = (self.cell as f64 / 2.0, 4.0 + (line as f64 + 0.5) * LINE_HEIGHT);
                    canvas.text(text, LABEL_SIZE, color, at, Anchor::Center);
                }
            });
            imageops::replace(&mut picture, &caption, x as i64, (y + self.height + 2 * FRAME) as i64);
        }
        Ok(picture)
    }
}

fn framed(image: &RgbImage, Color(red, green, blue): Color) -> RgbImage {
    let margin = 2 * FRAME as u32;
    let mut framed =
        RgbImage::from_pixel(image.width() + margin, image.height() + margin, Rgb([red, green, blue]));
    imageops::replace(&mut framed, image, FRAME as i64, FRAME as i64);
    framed
}

/// The picture of a grid without images.
fn empty(theme: Theme) -> RgbImage {
    Canvas::paint(theme, 340, 80, |canvas| {
        canvas.text("no images", LABEL_SIZE, canvas.colors().ink, (170.0, 30.0), Anchor::Center);
    })
}
