//! How a loader makes batches.

use std::num::NonZero;
use std::thread;

use crate::augment::{Augment, Fit};
use crate::error::{Error, Result};
use crate::images::Normalize;
use crate::part::Part;
use crate::pictures::Images;
use crate::sampler::Sampler;

/// How a [`Loader`](crate::Loader) makes batches.
#[derive(Debug, Clone, PartialEq)]
pub struct LoaderOptions {
    /// Images a batch, of all processes together.
    pub batch: usize,
    /// Which of them this process takes.
    pub part: Part,
    /// Whether each epoch has its own random order; unused with a sampler.
    pub shuffle: bool,
    /// Which images an epoch has, and in what order; every one once if not given.
    pub sampler: Option<Sampler>,
    /// Whether a last batch with fewer images is left out.
    pub drop_last: bool,
    /// The seed of order and augmentation, together with the epoch.
    pub seed: u64,
    /// How images come to one size, which an [`ImageFolder`](crate::ImageFolder) needs; an [`ImageSet`](crate::ImageSet) has one.
    pub fit: Option<Fit>,
    /// The changes of each image, applied in order.
    pub augment: Vec<Augment>,
    /// Brings the pixels to mean 0 and standard deviation 1.
    pub normalize: Normalize,
    /// How many batches are in memory at most besides the one in use: those that are ready, and those in the making. 0 is as 1.
    pub prefetch: usize,
    /// How many threads make the images; 0 is the number of cores. The batches do not depend on it.
    pub workers: usize,
    /// How many bytes of an [`ImageFolder`](crate::ImageFolder)'s decoded pictures are kept for the next epochs, at 3 bytes a pixel: those that
    /// are decoded first. The others are decoded in each epoch.
    pub cache: usize,
}

impl LoaderOptions {
    /// For training: shuffled, whole batches only, otherwise as [`eval`](Self::eval).
    pub fn train(batch: usize, normalize: Normalize) -> LoaderOptions {
        LoaderOptions { shuffle: true, drop_last: true, ..LoaderOptions::eval(batch, normalize) }
    }

    /// For measuring: every image once and in order, so that the last batch may be smaller. Two batches are made ahead, by as many threads as
    /// there are cores; 1 GiB of decoded pictures is kept; the seed is 0, and images are not changed.
    pub fn eval(batch: usize, normalize: Normalize) -> LoaderOptions {
        LoaderOptions {
            batch,
            part: Part::default(),
            shuffle: false,
            sampler: None,
            drop_last: false,
            seed: 0,
            fit: None,
            augment: Vec::new(),
            normalize,
            prefetch: 2,
            workers: 0,
            cache: 1 << 30,
        }
    }

    /// The number of threads.
    pub(crate) fn threads(&self) -> usize {
        match self.workers {
            0 => thread::available_parallelism().map_or(1, NonZero::get),
            workers => workers,
        }
    }

    /// The shape `[C, H, W]` of the images in batches of `set`, of which `sampler` draws, if these options can work.
    pub(crate) fn check(&self, set: &impl Images, sampler: &Sampler) -> Result<[usize; 3]> {
        let channels = set.channels();
        let fitted = self.fit.map(|fit| [channels, fit.size()[0], fit.size()[1]]);
        let Some(shape) = fitted.or(set.shape()) else {
            let problem =
                "images of mixed sizes need a `fit`, such as Fit::random(224) or Fit::center(256, 224)";
            return Err(Error::Options(problem.into()));
        };
        self.problem(set.labels().len(), shape, sampler)
            .map_or(Ok(shape), |problem| Err(Error::Options(problem)))
    }

    fn problem(&self, images: usize, shape: [usize; 3], sampler: &Sampler) -> Option<String> {
        let LoaderOptions { batch, drop_last, normalize: Normalize { mean, std }, .. } = self;
        let channels = shape[0];
        if images == 0 {
            Some("the image set is empty; load one with images".to_string())
        } else if sampler.is_empty() {
            Some("the sampler draws no images; give it some".to_string())
        } else if sampler.end() > images {
            Some(format!("the sampler draws image {}, but there are {images}", sampler.end() - 1))
        } else if *batch == 0 {
            Some("a batch of 0 images; choose at least 1".to_string())
        } else if *drop_last && *batch > sampler.len() {
            Some(format!(
                "a batch of {batch} with drop_last leaves nothing of {} images; choose a smaller batch",
                sampler.len()
            ))
        } else if let Some(problem) = self.part.problem(*batch, sampler.len(), *drop_last) {
            Some(problem)
        } else if let Some(problem) = self.fit.and_then(|fit| fit.problem()) {
            Some(problem)
        } else if let Some(problem) = self.augment.iter().find_map(|augment| augment.problem(shape)) {
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
        }
    }
}
