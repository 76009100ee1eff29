//! The finished picture: a title over tiles, written to a file in one go.

use std::io::{Cursor, Write};
use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};
use tempfile::Builder;

use super::canvas::{Anchor, Canvas, INK};
use super::text::fit;
use crate::{Error, Result};

/// Height of the strip with the picture's title.
pub(super) const TITLE_HEIGHT: u32 = 52;
/// Font size of the picture's title.
pub(super) const TITLE_SIZE: f64 = 22.0;

const MAX_SIDE: usize = 1 << 16;
const MAX_PIXELS: usize = 1 << 28;

/// A white picture with its title along the top.
pub(super) fn titled(title: &str, width: usize, height: usize) -> Result<RgbImage> {
    if width > MAX_SIDE || height > MAX_SIDE || width * height > MAX_PIXELS {
        return Err(Error::PictureSize { width, height, side: MAX_SIDE, pixels: MAX_PIXELS });
    }
    let (width, height) = (width as u32, height as u32);
    let strip = Canvas::paint(width, TITLE_HEIGHT, |canvas| {
        let at = (f64::from(width) / 2.0, f64::from(TITLE_HEIGHT) / 2.0 + 3.0);
        let title = fit(title, TITLE_SIZE, f64::from(width) - 48.0);
        canvas.text(&title, TITLE_SIZE, INK, at, Anchor::Center)
    })?;
    let mut picture = RgbImage::from_pixel(width, height, Rgb([255; 3]));
    image::imageops::replace(&mut picture, &strip, 0, 0);
    Ok(picture)
}

/// Writes a PNG: the file is there whole, or as it was before.
pub(super) fn save(picture: &RgbImage, path: &Path) -> Result<()> {
    let mut png = Cursor::new(Vec::new());
    picture
        .write_to(&mut png, ImageFormat::Png)
        .map_err(|error| Error::Draw { what: "a PNG", reason: error.to_string() })?;

    let refused = |source| Error::Write { path: path.to_owned(), source };
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = builder().tempfile_in(directory).map_err(refused)?;
    file.write_all(png.get_ref()).map_err(refused)?;
    file.persist(path).map_err(|error| refused(error.error))?;
    Ok(())
}

/// Temporary files are their owner's alone; a plot may be read like any other new file.
#[cfg(unix)]
fn builder() -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

#[cfg(not(unix))]
fn builder() -> Builder<'static, 'static> {
    Builder::new()
}
