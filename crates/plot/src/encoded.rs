//! An image of a grid by itself, as a PNG of its own size.

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::{Error, GridImage, Result};

impl GridImage<'_> {
    /// The bytes of a PNG file, grey or RGB. An error names the image by its `index`.
    ///
    /// # Errors
    /// [`Error::ImageSize`] for an image whose bytes do not fit its size, [`Error::Draw`] for one that is too large for a PNG.
    pub fn png(&self, index: usize) -> Result<Vec<u8>> {
        self.check(index)?;
        let (plane, too_large) = (self.height * self.width, |_| Error::Draw {
            what: "an image",
            reason: format!("image {index} is {}x{} pixels", self.height, self.width),
        });
        let channels = self.pixels.len() / plane;
        let interleaved: Vec<u8> = (0..plane)
            .flat_map(|i| (0..channels).map(move |channel| self.pixels[channel * plane + i]))
            .collect();
        let color = if channels == 3 { ExtendedColorType::Rgb8 } else { ExtendedColorType::L8 };
        let width = u32::try_from(self.width).map_err(too_large)?;
        let height = u32::try_from(self.height).map_err(too_large)?;
        let mut png = Vec::new();
        PngEncoder::new(&mut png)
            .write_image(&interleaved, width, height, color)
            .map_err(|error| Error::Draw { what: "a PNG", reason: error.to_string() })?;
        Ok(png)
    }
}
