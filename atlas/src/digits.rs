//! Digits to learn from: synthetic ones, or the user's.

use anyhow::{Result, ensure};
use wgrad::data::{self, Dataset, ImageSet};
use wgrad::prelude::*;

use crate::Lab;

/// The help text of `--data` in studies of digits.
pub const DIGITS: &str =
    "a directory with MNIST's four files, or anything in their format with images of 28x28";

/// Digits at half their side, minus the training set's mean image and scaled to variance 1 over all its pixels, so that predicting the mean
/// image gives an error of 1.
pub struct StandardizedDigits {
    /// `[N, 196]`
    pub train: Tensor,
    /// `[N, 196]`
    pub test: Tensor,
    /// The image that was subtracted, `[1, 196]`.
    pub mean: Tensor,
    /// The divisor after that, `[]`.
    pub scale: Tensor,
}

impl Lab {
    /// `train` and `test` digits `[1, 28, 28]`: [drawn ones](data::synthetic::digits), or the first of `--data`.
    ///
    /// # Errors
    /// Data that cannot be read, or of another size.
    pub fn digits(&self, train: usize, test: usize) -> Result<Dataset> {
        let Some(path) = self.data() else { return Ok(data::synthetic::digits(train, test, self.seed())) };
        let set = data::load(path)?;
        ensure!(set.train.shape() == [1, 28, 28], "images of {:?}; these are {DIGITS}", set.train.shape());
        let first = |set: &ImageSet, count: usize| set.subset(0..count.min(set.len()));
        Ok(Dataset { train: first(&set.train, train)?, test: first(&set.test, test)?, source: set.source })
    }

    /// [`digits`](Lab::digits) at a quarter of their side, `[1, 7, 7]`.
    ///
    /// # Errors
    /// As [`digits`](Lab::digits).
    pub fn small_digits(&self, train: usize, test: usize) -> Result<Dataset> {
        let Dataset { train, test, source } = self.digits(train, test)?;
        Ok(Dataset { train: train.average_pooled(4)?, test: test.average_pooled(4)?, source })
    }

    /// [`digits`](Lab::digits) on the device, at half their side and standardized.
    ///
    /// # Errors
    /// As [`digits`](Lab::digits), and those of the device.
    pub fn standardized_digits(&self, train: usize, test: usize) -> Result<StandardizedDigits> {
        let digits = self.digits(train, test)?;
        let half = |set: &ImageSet| -> Result<Tensor> {
            let images = set.to_device(self.device())?.images;
            Ok(images.avg_pool2d(Pool2d::new(2), false, None).flatten(1, -1))
        };
        let (train, test) = (half(&digits.train)?, half(&digits.test)?);
        let mean = train.mean(&[0], true);
        let scale = (&train - &mean).square().mean_all().sqrt();
        let [train, test] = [train, test].map(|x| ((x - &mean) / &scale).detach());
        Ok(StandardizedDigits { train, test, mean, scale })
    }
}
