//! Labelled images of one size, in memory, as bytes.

use std::sync::Arc;

use crate::error::{Error, Result};

/// The most bytes of pixels that one data set may take in memory.
pub(crate) const MAX_PIXEL_BYTES: u64 = 16 << 30;

/// A training and a test set of the same classes and image shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The images to learn from.
    pub train: ImageSet,
    /// The images to measure on.
    pub test: ImageSet,
    /// What this is and where it came from, as a sentence for people.
    pub source: String,
}

/// Labelled images of one shape: pixels `[N, C, H, W]` as `u8`, with a label each that is the index of a class name.
///
/// ```
/// # fn main() -> data::Result<()> {
/// let classes = ["dark".to_string(), "light".to_string()];
/// let set = data::ImageSet::new(vec![0, 10, 200, 255], vec![0, 1], classes.into(), [1, 1, 2])?;
/// assert_eq!(set.len(), 2);
/// assert_eq!(set.image(1), [200, 255]);
/// assert_eq!(set.subset([1])?.labels(), [1]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ImageSet {
    pixels: Vec<u8>,
    labels: Vec<u32>,
    classes: Arc<[String]>,
    shape: [usize; 3],
}

impl ImageSet {
    /// Builds a set from `pixels` `[N, C, H, W]`, `labels` `[N]`, class names and the shape `[C, H, W]`.
    ///
    /// # Errors
    /// [`Error::ImageSet`] if an extent is 0, the pixels are not N images or a label has no class.
    pub fn new(
        pixels: Vec<u8>,
        labels: Vec<u32>,
        classes: Arc<[String]>,
        shape: [usize; 3],
    ) -> Result<ImageSet> {
        let want = shape.iter().try_fold(labels.len(), |n, &extent| n.checked_mul(extent));
        if shape.contains(&0) {
            return Err(Error::ImageSet(format!("shape {shape:?} [C, H, W] has an extent of 0")));
        }
        if want != Some(pixels.len()) {
            return Err(Error::ImageSet(format!(
                "{} pixels are not {} images of shape {shape:?} [C, H, W]",
                pixels.len(),
                labels.len()
            )));
        }
        if u32::try_from(labels.len()).is_err() {
            return Err(Error::ImageSet(format!("{} images are more than 32 bits can count", labels.len())));
        }
        if let Some(i) = labels.iter().position(|&label| label as usize >= classes.len()) {
            return Err(Error::ImageSet(format!(
                "image {i} has label {}, but there are {} classes",
                labels[i],
                classes.len()
            )));
        }
        Ok(ImageSet { pixels, labels, classes, shape })
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The shape of each image, `[C, H, W]`.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// All pixels, `[N, C, H, W]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// All labels, `[N]`, each an index into [`classes`](Self::classes).
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The class names.
    pub fn classes(&self) -> &Arc<[String]> {
        &self.classes
    }

    /// The pixels of image `i`, `[C, H, W]`.
    ///
    /// # Panics
    /// If `i` is not below [`len`](Self::len).
    pub fn image(&self, i: usize) -> &[u8] {
        let size = self.shape.iter().product::<usize>();
        &self.pixels[i * size..(i + 1) * size]
    }

    /// The images at `indices`, in that order: a range, or any list, also with repeats.
    ///
    /// # Errors
    /// [`Error::ImageSet`] if an index is not below [`len`](Self::len).
    pub fn subset(&self, indices: impl IntoIterator<Item = usize>) -> Result<ImageSet> {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for i in indices {
            let Some(&label) = self.labels.get(i) else {
                return Err(Error::ImageSet(format!("no image {i}: there are {}", self.len())));
            };
            labels.push(label);
            pixels.extend_from_slice(self.image(i));
        }
        ImageSet::new(pixels, labels, self.classes.clone(), self.shape)
    }

    /// The images at a smaller size: each pixel is the mean of `factor` x `factor`, rounded up. Pixels left over at the right and
    /// the bottom are cut off.
    ///
    /// ```
    /// use data::ImageSet;
    /// let set = ImageSet::new(vec![1, 3, 5, 7, 0, 0, 255, 255], vec![0], vec!["a".to_string()].into(), [1, 2, 4])?;
    /// let small = set.average_pooled(2)?;
    /// assert_eq!((small.shape(), small.pixels()), ([1, 1, 2], &[1, 131][..]));
    /// # Ok::<(), data::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::ImageSet`] if nothing would be left.
    pub fn average_pooled(&self, factor: usize) -> Result<ImageSet> {
        let [channels, height, width] = self.shape;
        if factor == 0 || height < factor || width < factor {
            return Err(Error::ImageSet(format!("{height}x{width} pixels by {factor}x{factor} are none")));
        }
        let (rows, columns, area) = (height / factor, width / factor, (factor * factor) as u32);
        let mut pixels = Vec::with_capacity(self.len() * channels * rows * columns);
        for plane in self.pixels.chunks_exact(height * width) {
            for i in 0..rows * columns {
                let corner = (i / columns * width + i % columns) * factor;
                let row = |y: usize| plane[corner + y * width..][..factor].iter().map(|&p| u32::from(p));
                pixels.push((0..factor).flat_map(row).sum::<u32>().div_ceil(area) as u8);
            }
        }
        ImageSet::new(pixels, self.labels.clone(), self.classes.clone(), [channels, rows, columns])
    }

    /// Each channel's mean and standard deviation over all images, of pixels scaled to 0..1.
    ///
    /// The sums are exact integers, so the result does not depend on the order of the images.
    /// A channel that never varies, and an empty set's, has a standard deviation of 1.
    pub fn mean_std(&self) -> Normalize {
        let [channels, height, width] = self.shape;
        let area = height * width;
        let mut sums = vec![(0u64, 0u64); channels];
        for (plane, pixels) in self.pixels.chunks_exact(area).enumerate() {
            let (sum, squares) = &mut sums[plane % channels];
            *sum += pixels.iter().map(|&p| u64::from(p)).sum::<u64>();
            *squares += pixels.iter().map(|&p| u64::from(p) * u64::from(p)).sum::<u64>();
        }
        let count = (self.len() * area).max(1) as f64;
        let moments = |&(sum, squares): &(u64, u64)| {
            let mean = sum as f64 / count;
            let std = (squares as f64 / count - mean * mean).max(0.0).sqrt();
            ((mean / 255.0) as f32, if std > 0.0 { (std / 255.0) as f32 } else { 1.0 })
        };
        let (mean, std) = sums.iter().map(moments).unzip();
        Normalize { mean, std }
    }
}

/// The normalisation of pixels by channel, after scaling them to 0..1: `(p / 255 - mean) / std`.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalize {
    /// `[C]`
    pub mean: Vec<f32>,
    /// `[C]`, above 0
    pub std: Vec<f32>,
}

impl Normalize {
    /// The means and standard deviations of ImageNet's photographs that torchvision's networks are trained with.
    pub fn imagenet() -> Normalize {
        Normalize { mean: vec![0.485, 0.456, 0.406], std: vec![0.229, 0.224, 0.225] }
    }
}
