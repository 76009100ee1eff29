//! One image on its way through a pipeline.

use std::borrow::Cow;

use super::Crop;
use crate::images::Normalize;

/// An image of bytes `[C, H, W]` that is being changed, and the fill colour outside of it.
///
/// ```
/// use data::{Image, Op};
/// let mut image = Image::new(&[0, 100, 200, 255], [1, 2, 2], &[128]);
/// image.apply(&Op::Invert);
/// assert_eq!(image.pixels(), [255, 155, 55, 0]);
/// ```
#[derive(Debug, Clone)]
pub struct Image<'a> {
    pixels: Cow<'a, [u8]>,
    shape: [usize; 3],
    fill: &'a [u8],
    /// A crop that is not yet applied to the pixels: normalising applies it at no cost.
    crop: Crop,
}

impl<'a> Image<'a> {
    /// An image of `shape` `[C, H, W]`, with `fill` `[C]` outside.
    ///
    /// # Panics
    /// If `pixels` or `fill` do not fit `shape`.
    pub fn new(pixels: &'a [u8], shape: [usize; 3], fill: &'a [u8]) -> Image<'a> {
        let fits = pixels.len() == shape.iter().product::<usize>() && fill.len() == shape[0];
        assert!(fits, "{} pixels and {} fill bytes for shape {shape:?}", pixels.len(), fill.len());
        Image { pixels: Cow::Borrowed(pixels), shape, fill, crop: Crop::default() }
    }

    /// [`new`](Image::new) of pixels that the image keeps.
    pub(crate) fn owned(pixels: Vec<u8>, shape: [usize; 3], fill: &'a [u8]) -> Image<'a> {
        Image { pixels: Cow::Owned(pixels), shape, fill, crop: Crop::default() }
    }

    /// `[C, H, W]`
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The pixels as they are now, `[C, H, W]`.
    pub fn pixels(&mut self) -> &[u8] {
        self.settle();
        &self.pixels
    }

    /// Writes the pixels as they are now, normalised, to `out` `[C, H, W]`.
    ///
    /// # Panics
    /// If `out` does not have the image's shape, or `normalize` does not have C channels.
    pub fn normalize(&self, normalize: &Normalize, out: &mut [f32]) {
        self.crop.apply(&self.pixels, self.shape, normalize, out);
    }

    pub(super) fn crop(&mut self, crop: Crop) {
        self.settle();
        self.crop = crop;
    }

    pub(super) fn fill(&self) -> &'a [u8] {
        self.fill
    }

    pub(super) fn pixels_mut(&mut self) -> &mut [u8] {
        self.settle();
        self.pixels.to_mut()
    }

    pub(super) fn replace(&mut self, pixels: Vec<u8>) {
        debug_assert_eq!(pixels.len(), self.pixels.len());
        self.crop = Crop::default();
        self.pixels = Cow::Owned(pixels);
    }

    /// The channels, `[H, W]` each.
    pub(super) fn planes_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        let area = self.shape[1] * self.shape[2];
        self.pixels_mut().chunks_exact_mut(area)
    }

    /// Red, green and blue, if the image has them.
    pub(super) fn rgb_mut(&mut self) -> Option<[&mut [u8]; 3]> {
        let [channels, height, width] = self.shape;
        (channels == 3).then(|| {
            let (red, rest) = self.pixels_mut().split_at_mut(height * width);
            let (green, blue) = rest.split_at_mut(height * width);
            [red, green, blue]
        })
    }

    fn settle(&mut self) {
        if self.crop != Crop::default() {
            let pixels = self.crop.bytes(&self.pixels, self.shape, self.fill);
            self.replace(pixels);
        }
    }
}
