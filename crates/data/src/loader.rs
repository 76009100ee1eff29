//! Shuffled, augmented, normalised batches, made in the background.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::draws::Draws;
use crate::error::{Error, Result};
use crate::images::ImageSet;
use crate::loader_options::LoaderOptions;
#[cfg(feature = "images")]
use crate::picture_cache::PictureCache;
use crate::pictures::{Images, Made};
use crate::prefetch::{Lanes, Prefetch};
use crate::sampler::Sampler;

/// About how many numbers of a batch a thread makes at a time: one photograph, or some small images.
const PIECE: usize = 1 << 16;

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
    pub(crate) error: Option<Arc<Error>>,
    pool: Arc<Pool>,
}

impl Batch {
    /// Why the first image that could not be read or decoded is missing, if one is. Its pixels are 0.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_deref()
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.pool.give(std::mem::take(&mut self.images));
    }
}

/// Makes batches of an [`ImageSet`] or an [`ImageFolder`](crate::ImageFolder), epoch after epoch.
///
/// Threads ([`LoaderOptions::workers`]) make them ahead of their use. The batches depend on the options, the epoch and the images alone: they
/// are the same for any number of threads, and for any earlier requests.
///
/// A file that cannot be read or decoded does not end an epoch. Its batch has an [`error`](Batch::error), which names the file and says what
/// to do; [`Batch::to_device`] returns it, so that a [`Trainer`](https://docs.rs/wgrad-train) stops. A loop of your own may leave such
/// batches out and go on with the next.
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
#[doc(alias = "DataLoader")]
#[derive(Debug)]
pub struct Loader<S = ImageSet> {
    set: Arc<S>,
    options: Arc<LoaderOptions>,
    sampler: Sampler,
    /// `[C, H, W]`
    shape: [usize; 3],
    /// The fill colour outside of an image for augmentation: the mean pixel, `[C]`.
    fill: Arc<[u8]>,
    pool: Arc<Pool>,
    #[cfg(feature = "images")]
    cache: Arc<PictureCache>,
    /// Started by the first batch that needs them. None if the system gives no threads: those that order the batches then make them, too.
    workers: Arc<OnceLock<Option<ThreadPool>>>,
}

impl<S> Clone for Loader<S> {
    fn clone(&self) -> Loader<S> {
        Loader {
            set: self.set.clone(),
            options: self.options.clone(),
            sampler: self.sampler.clone(),
            shape: self.shape,
            fill: self.fill.clone(),
            pool: self.pool.clone(),
            #[cfg(feature = "images")]
            cache: self.cache.clone(),
            workers: self.workers.clone(),
        }
    }
}

impl<S: Images> Loader<S> {
    /// A loader of the images in `set`.
    ///
    /// # Errors
    /// [`Error::Options`] if the set is empty, the sampler draws nothing or images that do not exist, a batch is 0 or (with
    /// `drop_last`) more than an epoch's images, images of mixed sizes have no `fit`, `fit` or an augmentation has invalid settings or does not
    /// fit the images (padding must be below their sides), or `normalize` is not C finite numbers with `std` above 0.
    pub fn new(set: Arc<S>, options: LoaderOptions) -> Result<Loader<S>> {
        let count = set.labels().len();
        let sampler = match &options.sampler {
            Some(sampler) => sampler.clone(),
            None if options.shuffle => Sampler::shuffled(0..count)?,
            None => Sampler::in_order(0..count)?,
        };
        let shape = options.check(&*set, &sampler)?;
        let pool = Pool { buffers: Mutex::default(), keep: options.prefetch.saturating_add(2) };
        let fill = options.normalize.mean.iter().map(|mean| (255.0 * mean).round() as u8).collect();
        Ok(Loader {
            set,
            sampler,
            shape,
            fill,
            pool: Arc::new(pool),
            #[cfg(feature = "images")]
            cache: Arc::new(PictureCache::new(options.cache)),
            workers: Arc::default(),
            options: Arc::new(options),
        })
    }

    /// How many batches one epoch has.
    pub fn steps(&self) -> usize {
        let (images, batch) = (self.sampler.len(), self.options.batch);
        if self.options.drop_last { images / batch } else { images.div_ceil(batch) }
    }

    /// Number of images an epoch, of this process's [part](LoaderOptions::part).
    pub fn images(&self) -> usize {
        let LoaderOptions { batch, part, drop_last, .. } = *self.options;
        part.count(batch, self.sampler.len(), drop_last)
    }

    /// The images.
    pub fn set(&self) -> &Arc<S> {
        &self.set
    }

    /// The options.
    pub fn options(&self) -> &LoaderOptions {
        &self.options
    }

    /// The batches of epoch `epoch`: the same for the same seed and epoch, whatever was loaded before.
    ///
    /// Threads make them ahead of their use. Dropping the iterator stops them.
    ///
    /// # Panics
    /// The iterator propagates a panic of those threads.
    pub fn epoch(&self, epoch: usize) -> impl Iterator<Item = Batch> + Send + use<S> {
        self.epoch_from(epoch, 0)
    }

    /// [`epoch`](Loader::epoch) without its first `skip` batches.
    pub(crate) fn epoch_from(
        &self,
        epoch: usize,
        skip: usize,
    ) -> impl Iterator<Item = Batch> + Send + use<S> {
        let order: Arc<[u32]> = self.sampler.epoch(self.options.seed, epoch).into();
        let (steps, batch) = (self.steps(), self.options.batch);
        let ahead = self.options.prefetch.min(steps).max(1);
        // While the last images of a batch are made, the other threads begin with the next one.
        let lanes = if self.options.threads() > 1 { ahead.min(2) } else { 1 };
        let lane = |first: usize| {
            let (loader, order) = (self.clone(), order.clone());
            let batches = (skip + first..steps).step_by(lanes).map(move |step| {
                let end = order.len().min((step + 1) * batch);
                loader.batch(epoch, &loader.options.part.own(&order[step * batch..end]))
            });
            // One more than its queue holds is in the making.
            Prefetch::new((ahead + lanes - 1 - first) / lanes - 1, batches)
        };
        Lanes::new((0..lanes).map(lane).collect())
    }

    fn batch(&self, epoch: usize, indices: &[u32]) -> Batch {
        let [channels, height, width] = self.shape;
        let size = channels * height * width;
        let mut images = self.pool.take();
        images.resize(indices.len() * size, 0.0);
        let failure = Failure::default();
        let made = Made {
            options: &self.options,
            fill: &self.fill,
            epoch,
            #[cfg(feature = "images")]
            cache: &self.cache,
        };
        let make = |first: usize, out: &mut [f32], indices: &[u32]| {
            for (i, (out, &index)) in out.chunks_exact_mut(size).zip(indices).enumerate() {
                if let Err(error) = self.image(index, &made, out) {
                    out.fill(0.0);
                    failure.note(first + i, error);
                }
            }
        };
        let piece = (PIECE / size).max(1);
        match self.workers() {
            Some(workers) if indices.len() > piece => workers.in_place_scope_fifo(|scope| {
                let pieces = images.chunks_mut(piece * size).zip(indices.chunks(piece));
                for (number, (out, indices)) in pieces.enumerate() {
                    let make = &make;
                    scope.spawn_fifo(move |_| make(number * piece, out, indices));
                }
            }),
            _ => make(0, &mut images, indices),
        }
        Batch {
            images,
            labels: indices.iter().map(|&i| self.set.labels()[i as usize]).collect(),
            indices: indices.to_vec(),
            shape: [indices.len(), channels, height, width],
            error: failure.into_first().map(Arc::new),
            pool: self.pool.clone(),
        }
    }

    /// Writes one image, fitted, augmented and normalised, to `out` `[C, H, W]`.
    fn image(&self, index: u32, made: &Made<'_>, out: &mut [f32]) -> Result<()> {
        let LoaderOptions { augment, seed, normalize, .. } = made.options;
        let mut image = self.set.image(index, made)?;
        for (place, augment) in augment.iter().enumerate() {
            augment.apply(&mut image, &mut Draws::at(place, *seed, made.epoch, index));
        }
        image.normalize(normalize, out);
        Ok(())
    }

    fn workers(&self) -> Option<&ThreadPool> {
        let threads = self.options.threads();
        let start = || {
            let name = |i| format!("wgrad-loader-{i}");
            ThreadPoolBuilder::new().num_threads(threads).thread_name(name).build().ok()
        };
        if threads > 1 { self.workers.get_or_init(start).as_ref() } else { None }
    }
}

/// The error of the first image of a batch that has one.
#[derive(Default)]
struct Failure(Mutex<Option<(usize, Error)>>);

impl Failure {
    fn note(&self, place: usize, error: Error) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if first.as_ref().is_none_or(|(earlier, _)| place < *earlier) {
            *first = Some((place, error));
        }
    }

    fn into_first(self) -> Option<Error> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner).map(|(_, error)| error)
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
