//! Deterministic changes of an image.

use super::{Affine, Image, blur, color, resized_crop, tone, warp};

/// One change of an image. Results equal Pillow's to the byte, except for `Hue` and `Blur`, which are rounded once from floats,
/// and for whole numbers that rounding lowers by one in Pillow's affine maps.
///
/// Pixels from outside of the image get its fill colour. Images without three channels are left unchanged by `Saturation`, `Hue`
/// and `Grayscale`; for them, `Contrast` takes the mean over all channels.
///
/// ```
/// use data::{Image, Op};
/// let mut image = Image::new(&[10, 130, 250], [1, 1, 3], &[0]);
/// image.apply(&Op::Solarize(128));
/// assert_eq!(image.pixels(), [10, 125, 5]);
/// image.apply(&Op::Brightness(2.0));
/// assert_eq!(image.pixels(), [20, 250, 10]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Op {
    /// Nothing.
    Identity,
    /// Rotation, scaling, shear and translation, with bilinear sampling.
    Affine(Affine),
    /// The given part, with `top + height` and `left + width` within the image, enlarged to the image's size by bilinear interpolation.
    ResizedCrop {
        /// First row of the part.
        top: usize,
        /// First column of the part.
        left: usize,
        /// Rows of the part.
        height: usize,
        /// Columns of the part.
        width: usize,
    },
    /// Convolution with a Gaussian of this standard deviation in pixels, cut at 4 standard deviations; the image is mirrored at
    /// its border pixels' centres.
    Blur(f32),
    /// `factor * p`
    Brightness(f32),
    /// `m + factor * (p - m)`, with the mean grey `m`.
    Contrast(f32),
    /// `g + factor * (p - g)`, with the pixel's grey `g = 0.299 R + 0.587 G + 0.114 B`.
    Saturation(f32),
    /// `s + factor * (p - s)`, with `s` of the image smoothed by 3x3 weights (5 in the middle, 1 around it, over 13).
    Sharpness(f32),
    /// Turns the hue by this share of the colour circle.
    Hue(f32),
    /// All channels become the pixel's grey.
    Grayscale,
    /// Keeps this many of the upper bits, at most 8.
    Posterize(u8),
    /// Inverts bytes at and above the threshold (0 inverts all, 256 none).
    Solarize(u16),
    /// `255 - p`
    Invert,
    /// Stretches each channel's bytes to 0..=255.
    AutoContrast,
    /// Spreads each channel's histogram evenly.
    Equalize,
}

impl Op {
    /// What is wrong with this for images of a size, if anything.
    pub(super) fn problem(&self, [rows, columns]: [usize; 2]) -> Option<String> {
        let fits = match *self {
            Op::ResizedCrop { top, left, height, width } => {
                let within = |start: usize, count: usize, extent| {
                    count > 0 && start.checked_add(count).is_some_and(|end| end <= extent)
                };
                within(top, height, rows) && within(left, width, columns)
            }
            _ => true,
        };
        (!fits).then(|| format!("{self:?} is empty or not within {rows}x{columns} pixels"))
    }
}

impl Image<'_> {
    /// Changes the image.
    ///
    /// # Panics
    /// If a crop is empty or not within the image.
    #[track_caller]
    pub fn apply(&mut self, op: &Op) {
        let [_, height, width] = self.shape();
        if let Some(problem) = op.problem([height, width]) {
            panic!("{problem}");
        }
        match *op {
            Op::Identity => {}
            Op::Affine(affine) => warp::affine(self, &affine),
            Op::ResizedCrop { top, left, height, width } => {
                resized_crop::resized_crop(self, [top, left], [height, width]);
            }
            Op::Blur(sigma) => blur::blur(self, sigma),
            Op::Brightness(factor) => color::brightness(self, factor),
            Op::Contrast(factor) => color::contrast(self, factor),
            Op::Saturation(factor) => color::saturation(self, factor),
            Op::Sharpness(factor) => color::sharpness(self, factor),
            Op::Hue(turn) => color::hue(self, turn),
            Op::Grayscale => color::saturation(self, 0.0),
            Op::Posterize(bits) => tone::map(self, tone::posterize(bits)),
            Op::Solarize(threshold) => tone::map(self, tone::solarize(threshold)),
            Op::Invert => tone::map(self, tone::solarize(0)),
            Op::AutoContrast => tone::map_each(self, tone::auto_contrast),
            Op::Equalize => tone::map_each(self, tone::equalize),
        }
    }
}
