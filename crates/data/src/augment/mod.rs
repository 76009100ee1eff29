//! Random changes of images for training, as bytes, one by one.

mod aug_mix;
mod blur;
mod color;
mod color_jitter;
mod elastic;
pub(crate) mod fit;
mod image;
mod op;
mod pad_crop_flip;
mod policy;
mod rand_augment;
mod random_affine;
pub(crate) mod resize;
mod resized_crop;
mod tone;
mod warp;

pub use aug_mix::AugMix;
pub use blur::GaussianBlur;
pub use color_jitter::ColorJitter;
pub use elastic::Elastic;
pub use fit::Fit;
pub(crate) use fit::Pixels;
pub use image::Image;
pub use op::Op;
pub use pad_crop_flip::{Crop, PadCropFlip};
pub use rand_augment::RandAugment;
pub use random_affine::RandomAffine;
pub use resized_crop::RandomResizedCrop;
pub use warp::Affine;

use crate::draws::Draws;

/// A random change of an image. A loader applies those of its list in order; each draws its own numbers from seed, epoch, image
/// and its place in the list.
///
/// ```
/// use data::{Augment, ColorJitter, Draws, Image, Op};
/// let jitter = ColorJitter { brightness: 0.4, ..ColorJitter::default() };
/// let pipeline = [Augment::pad_crop_flip(4), jitter.into(), Augment::Random { p: 0.2, op: Op::Grayscale }];
/// let pixels = vec![100; 3 * 8 * 8];
/// let mut image = Image::new(&pixels, [3, 8, 8], &[128; 3]);
/// for augment in &pipeline {
///     augment.apply(&mut image, &mut Draws::new(42, 0, 7));
/// }
/// assert_eq!(image.pixels().len(), pixels.len());
/// ```
#[doc(alias("transforms", "Compose"))]
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Augment {
    /// Padding, a random crop of the image's size, and a random flip.
    PadCropFlip(PadCropFlip),
    /// Random rotation, translation, scaling and shear.
    RandomAffine(RandomAffine),
    /// A random part, enlarged.
    RandomResizedCrop(RandomResizedCrop),
    /// A smooth random displacement of pixels.
    Elastic(Elastic),
    /// A blur of random width.
    GaussianBlur(GaussianBlur),
    /// Random brightness, contrast, saturation and hue.
    ColorJitter(ColorJitter),
    /// Several random operations of one strength.
    RandAugment(RandAugment),
    /// One random operation of a random strength (Müller and Hutter 2021, "TrivialAugment", the wide space), as torchvision's
    /// `TrivialAugmentWide`.
    #[doc(alias = "TrivialAugmentWide")]
    TrivialAugment,
    /// A mixture of chains of random operations.
    AugMix(AugMix),
    /// One operation, with probability `p`: torchvision's `RandomGrayscale`, `RandomPosterize`, `RandomSolarize`,
    /// `RandomEqualize`, `RandomAutocontrast`, `RandomInvert` and `RandomAdjustSharpness`.
    #[doc(alias("RandomApply", "RandomGrayscale"))]
    Random {
        /// The probability, in `0..=1`.
        p: f32,
        /// What is done then.
        op: Op,
    },
}

impl Augment {
    /// [`PadCropFlip`] with flips: the standard of small images.
    pub fn pad_crop_flip(pad: usize) -> Augment {
        PadCropFlip { pad, flip: true }.into()
    }

    /// Mirrors half of the images left to right, and the other half in the next epoch: [`PadCropFlip`] without padding.
    pub fn horizontal_flip() -> Augment {
        PadCropFlip { pad: 0, flip: true }.into()
    }

    /// Changes an image, with numbers from `draws`.
    pub fn apply(&self, image: &mut Image, draws: &mut Draws) {
        match self {
            Augment::PadCropFlip(augment) => augment.apply(image, draws),
            Augment::RandomAffine(augment) => augment.apply(image, draws),
            Augment::RandomResizedCrop(augment) => augment.apply(image, draws),
            Augment::Elastic(augment) => augment.apply(image, draws),
            Augment::GaussianBlur(augment) => augment.apply(image, draws),
            Augment::ColorJitter(augment) => augment.apply(image, draws),
            Augment::RandAugment(augment) => augment.apply(image, draws),
            Augment::TrivialAugment => rand_augment::trivial_augment(image, draws),
            Augment::AugMix(augment) => augment.apply(image, draws),
            Augment::Random { p, op } => {
                if draws.happens(*p) {
                    image.apply(op);
                }
            }
        }
    }

    /// What is wrong with this for images of a shape `[C, H, W]`, if anything.
    pub(crate) fn problem(&self, [_, height, width]: [usize; 3]) -> Option<String> {
        let positive = |x: f32| x > 0.0 && x.is_finite();
        match *self {
            Augment::PadCropFlip(PadCropFlip { pad, .. }) => (pad >= height.min(width))
                .then(|| format!("padding by {pad} can lose a whole {height}x{width} image; pad by less")),
            Augment::RandomAffine(augment) => augment.problem(),
            Augment::RandomResizedCrop(augment) => augment.problem(),
            Augment::Elastic(Elastic { alpha, sigma }) => (!alpha.is_finite() || !positive(sigma))
                .then(|| format!("{self:?} needs a finite alpha, and a sigma above 0")),
            Augment::GaussianBlur(GaussianBlur { sigma: [low, high] }) => {
                (!positive(low) || !positive(high) || low > high)
                    .then(|| format!("{self:?} needs sigmas above 0, the smaller first"))
            }
            Augment::ColorJitter(augment) => augment.problem(),
            Augment::RandAugment(augment) => augment.problem(),
            Augment::TrivialAugment => None,
            Augment::AugMix(augment) => augment.problem(),
            Augment::Random { p, .. } if !(0.0..=1.0).contains(&p) => {
                Some(format!("{self:?} needs a probability from 0 to 1"))
            }
            Augment::Random { op, .. } => op.problem([height, width]),
        }
    }
}

macro_rules! augments {
    ($($name:ident)*) => {$(
        impl From<$name> for Augment {
            fn from(augment: $name) -> Augment {
                Augment::$name(augment)
            }
        }
    )*};
}
augments! { PadCropFlip RandomAffine RandomResizedCrop Elastic GaussianBlur ColorJitter RandAugment AugMix }
