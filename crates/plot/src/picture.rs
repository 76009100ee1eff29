//! The finished picture: a title over tiles, as a PNG.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};

use crate::canvas::{Anchor, Canvas};
use crate::text::fit;
use crate::theme::{Color, Theme};
use crate::{Error, Result};

/// Height of the strip with the picture's title.
pub(crate) const TITLE_HEIGHT: u32 = 52;
/// Font size of the picture's title.
pub(crate) const TITLE_SIZE: f64 = 22.0;

const MAX_SIDE: usize = 1 << 16;
const MAX_PIXELS: usize = 1 << 28;

/// Checks that a picture is small enough to be drawn in memory.
///
/// # Errors
/// [`Error::PictureSize`] if it is not.
pub(crate) fn check_size(width: usize, height: usize) -> Result<()> {
    if width > MAX_SIDE || height > MAX_SIDE || width.saturating_mul(height) > MAX_PIXELS {
        return Err(Error::PictureSize { width, height, side: MAX_SIDE, pixels: MAX_PIXELS });
    }
    Ok(())
}

/// An empty picture with its title along the top.
pub(crate) fn titled(theme: Theme, title: &str, width: usize, height: usize) -> Result<RgbImage> {
    check_size(width, height)?;
    let (width, height) = (width as u32, height as u32);
    let strip = Canvas::paint(theme, width, TITLE_HEIGHT, |canvas| {
        let at = (f64::from(width) / 2.0, f64::from(TITLE_HEIGHT) / 2.0 + 3.0);
        let title = fit(title, TITLE_SIZE, f64::from(width) - 48.0);
        canvas.text(&title, TITLE_SIZE, canvas.colors().ink, at, Anchor::Center);
    });
    let Color(r, g, b) = theme.colors().background;
    let mut picture = RgbImage::from_pixel(width, height, Rgb([r, g, b]));
    image::imageops::replace(&mut picture, &strip, 0, 0);
    Ok(picture)
}

/// The bytes of a PNG file.
pub(crate) fn png(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut png = Cursor::new(Vec::new());
    picture
        .write_to(&mut png, ImageFormat::Png)
        .map_err(|error| Error::Draw { what: "a PNG", reason: error.to_string() })?;
    Ok(png.into_inner())
}
