//! Where a loader's images come from.

use crate::augment::{Fit, Image, Pixels};
use crate::draws::{Draws, Use};
use crate::error::Result;
use crate::images::ImageSet;
use crate::loader_options::LoaderOptions;
#[cfg(feature = "images")]
use crate::picture_cache::PictureCache;

/// Labelled images that a [`Loader`](crate::Loader) makes batches of: an [`ImageSet`] or (feature `images`) an `ImageFolder`.
pub trait Images: Read {}

impl Images for ImageSet {}

/// What a loader does with images.
pub trait Read: Send + Sync + 'static {
    /// `[N]`
    fn labels(&self) -> &[u32];

    /// `[C, H, W]` of all images, if they have one size.
    fn shape(&self) -> Option<[usize; 3]>;

    /// CRC-32 of the labels and of what tells the images apart without decoding them.
    fn checksum(&self) -> u32;

    /// How many channels each image has.
    fn channels(&self) -> usize {
        3
    }

    /// Image `index` at the one size of a loader's images.
    fn image<'a>(&'a self, index: u32, made: &Made<'a>) -> Result<Image<'a>>;
}

/// How images are made for an epoch.
pub struct Made<'a> {
    pub(crate) options: &'a LoaderOptions,
    pub(crate) fill: &'a [u8],
    pub(crate) epoch: usize,
    #[cfg(feature = "images")]
    pub(crate) cache: &'a PictureCache,
}

impl<'a> Made<'a> {
    pub(crate) fn fitted(&self, fit: Fit, pixels: &Pixels<'_>, index: u32) -> Image<'a> {
        let mut draws = Draws::stream(self.options.seed, Use::Fit, self.epoch as u64, u64::from(index));
        let ([channels, ..], [height, width]) = (pixels.shape(), fit.size());
        Image::owned(fit.apply(pixels, &mut draws), [channels, height, width], self.fill)
    }
}

impl Read for ImageSet {
    fn labels(&self) -> &[u32] {
        self.labels()
    }

    fn shape(&self) -> Option<[usize; 3]> {
        Some(self.shape())
    }

    fn checksum(&self) -> u32 {
        let mut sum = crc32fast::Hasher::new();
        sum.update(bytemuck::cast_slice(self.labels()));
        (0..self.labels().len()).for_each(|i| sum.update(self.image(i)));
        sum.finalize()
    }

    fn channels(&self) -> usize {
        self.shape()[0]
    }

    fn image<'a>(&'a self, index: u32, made: &Made<'a>) -> Result<Image<'a>> {
        let (pixels, shape) = (self.image(index as usize), self.shape());
        Ok(match made.options.fit {
            Some(fit) => made.fitted(fit, &Pixels::Planes { pixels, shape }, index),
            None => Image::new(pixels, shape, made.fill),
        })
    }
}
