//! Shuffled, augmented, normalised batches, made in the background.

use std::sync::{Arc, Mutex, PoisonError};

use crate::augment::{Augment, Image};
use crate::draws::Draws;
use crate::error::{Error, Result};
use crate::images::{ImageSet, Normalize};
use crate::prefetch::Prefetch;
use crate::sampler::Sampler;

/// How a [`Loader`] makes batches.
#[derive(Debug, Clone, PartialEq)]
pub struct LoaderOptions {
    /// Images a batch.
    pub batch: usize,
    /// Whether each epoch has its own random order; unused with a sampler.
    pub shuffle: bool,
    /// Which images an epoch has, and in what order; every one once if not given.
    pub sampler: Option<Sampler>,
    /// Whether a last batch with fewer images is left out.
    pub drop_last: bool,
    /// The seed of order and augmentation, together with the epoch.
    pub seed: u64,
    /// The changes of each image, applied in order.
    pub augment: Vec<Augment>,
    /// Brings the pixels to mean 0 and standard deviation 1.
    pub normalize: Normalize,
    /// How many batches are made ahead.
    pub prefetch: usize,
}

impl LoaderOptions {
    /// For training: shuffled, whole batches only, two made ahead, seed 0, no augmentation.
    pub fn train(batch: usize, normalize: Normalize) -> LoaderOptions {
        LoaderOptions { shuffle: true, drop_last: true, ..LoaderOptions::eval(batch, normalize) }
    }

    /// For measuring: every image once and in order, so that the last batch may be smaller.
    pub fn eval(batch: usize, normalize: Normalize) -> LoaderOptions {
        LoaderOptions {
            batch,
            shuffle: false,
            sampler: None,
            drop_last: false,
            seed: 0,
            augment: Vec::new(),
            normalize,
            prefetch: 2,
        }
    }
}

/// A stack of images ready for a network.
///
/// Dropping a batch returns its memory to its loader for reuse.
#[derive(Debug)]
pub struct Batch {
    /// Normalised pixels, `[B, C, H, W]`.
    pub images: Vec<f32>,
    /// Class indices, `[B]`.
    pub labels: Vec<u32>,
    /// The images' places in the image set, `[B]`.
    pub indices: Vec<u32>,
    /// `[B, C, H, W]`
    pub shape: [usize; 4],
    pool: Arc<Pool>,
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.pool.give(std::mem::take(&mut self.images));
    }
}

/// Makes an image set's batches, epoch after epoch.
///
/// ```
/// # fn main() -> data::Result<()> {
/// use std::sync::Arc;
/// use data::{Augment, Loader, LoaderOptions, synthetic};
///
/// let train = synthetic::shapes(100, 10, 0).train;
/// let mut options = LoaderOptions::train(32, train.mean_std());
/// options.augment = vec![Augment::pad_crop_flip(4)];
/// let loader = Loader::new(Arc::new(train), options)?;
/// for epoch in 0..2 {
///     for batch in loader.epoch(epoch) {
///         assert_eq!(batch.shape, [32, 3, 32, 32]);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Loader {
    set: Arc<ImageSet>,
    options: Arc<LoaderOptions>,
    sampler: Sampler,
    /// The fill colour outside of an image for augmentation: the mean pixel, `[C]`.
    fill: Arc<[u8]>,
    pool: Arc<Pool>,
}

impl Loader {
    /// A loader of the images in `set`.
    ///
    /// # Errors
    /// [`Error::Options`] if the set is empty, the sampler draws nothing or images that do not exist, a batch is 0 or (with
    /// `drop_last`) more than an epoch's images, an augmentation has invalid settings or does not fit the images (padding must be
    /// below their sides), or `normalize` is not C finite numbers with `std` above 0.
    pub fn new(set: Arc<ImageSet>, options: LoaderOptions) -> Result<Loader> {
        let channels = set.shape()[0];
        let LoaderOptions { batch, drop_last, normalize: Normalize { mean, std }, .. } = &options;
        let sampler = match &options.sampler {
            Some(sampler) => sampler.clone(),
            None if options.shuffle => Sampler::shuffled(0..set.len())?,
            None => Sampler::in_order(0..set.len())?,
        };
        let problem = if set.is_empty() {
            Some("the image set is empty; load one with images".to_string())
        } else if sampler.is_empty() {
            Some("the sampler draws no images; give it some".to_string())
        } else if sampler.end() > set.len() {
            Some(format!("the sampler draws image {}, but there are {}", sampler.end() - 1, set.len()))
        } else if *batch == 0 {
            Some("a batch of 0 images; choose at least 1".to_string())
        } else if *drop_last && *batch > sampler.len() {
            Some(format!(
                "a batch of {batch} with drop_last leaves nothing of {} images; choose a smaller batch",
                sampler.len()
            ))
        } else if let Some(problem) = options.augment.iter().find_map(|augment| augment.problem(set.shape()))
        {
            Some(problem)
        } else if mean.len() != channels || std.len() != channels {
            Some(format!(
                "normalize has {} means and {} standard deviations for {channels} channels",
                mean.len(),
                std.len()
            ))
        } else if !mean.iter().all(|m| m.is_finite()) || !std.iter().all(|s| s.is_normal() && *s > 0.0) {
            Some(format!(
                "normalize needs finite means and standard deviations above 0, not {mean:?}, {std:?}"
            ))
        } else {
            None
        };
        match problem {
            Some(problem) => Err(Error::Options(problem)),
            None => {
                let pool = Pool { buffers: Mutex::default(), keep: options.prefetch.saturating_add(2) };
                let fill = mean.iter().map(|mean| (255.0 * mean).round() as u8).collect();
                Ok(Loader { set, options: Arc::new(options), sampler, fill, pool: Arc::new(pool) })
            }
        }
    }

    /// How many batches one epoch has.
    pub fn steps(&self) -> usize {
        let (images, batch) = (self.sampler.len(), self.options.batch);
        if self.options.drop_last { images / batch } else { images.div_ceil(batch) }
    }

    /// The image set.
    pub fn set(&self) -> &Arc<ImageSet> {
        &self.set
    }

    /// The options.
    pub fn options(&self) -> &LoaderOptions {
        &self.options
    }

    /// The batches of epoch `epoch`: the same for the same seed and epoch, whatever was loaded before.
    ///
    /// A thread makes them ahead of their use. Dropping the iterator stops it.
    ///
    /// # Panics
    /// The iterator propagates a panic of that thread.
    pub fn epoch(&self, epoch: usize) -> impl Iterator<Item = Batch> + Send + use<> {
        self.epoch_from(epoch, 0)
    }

    /// [`epoch`](Loader::epoch) without its first `skip` batches.
    pub(crate) fn epoch_from(&self, epoch: usize, skip: usize) -> impl Iterator<Item = Batch> + Send + use<> {
        let order = self.sampler.epoch(self.options.seed, epoch);
        let (loader, steps, batch) = (self.clone(), self.steps(), self.options.batch);
        let batches = (skip..steps).map(move |step| {
            let end = order.len().min((step + 1) * batch);
            loader.batch(epoch, &order[step * batch..end])
        });
        Prefetch::new(self.options.prefetch.min(steps), batches)
    }

    fn batch(&self, epoch: usize, indices: &[u32]) -> Batch {
        let LoaderOptions { augment, seed, normalize, .. } = &*self.options;
        let [channels, height, width] = self.set.shape();
        let size = channels * height * width;
        let mut images = self.pool.take();
        images.resize(indices.len() * size, 0.0);
        for (out, &index) in images.chunks_exact_mut(size).zip(indices) {
            let mut image = Image::new(self.set.image(index as usize), self.set.shape(), &self.fill);
            for (place, augment) in augment.iter().enumerate() {
                augment.apply(&mut image, &mut Draws::at(place, *seed, epoch, index));
            }
            image.normalize(normalize, out);
        }
        Batch {
            images,
            labels: indices.iter().map(|&i| self.set.labels()[i as usize]).collect(),
            indices: indices.to_vec(),
            shape: [indices.len(), channels, height, width],
            pool: self.pool.clone(),
        }
    }
}

/// Buffers of batches that are no longer in use.
#[derive(Debug)]
struct Pool {
    buffers: Mutex<Vec<Vec<f32>>>,
    keep: usize,
}

impl Pool {
    fn take(&self) -> Vec<f32> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give(&self, buffer: Vec<f32>) {
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.capacity() > 0 && buffers.len() < self.keep {
            buffers.push(buffer);
        }
    }
}
