//! Digits to learn from: synthetic ones, or the user's.

use anyhow::{Result, ensure};
use wgrad::data::{self, Dataset, ImageSet};
use wgrad::prelude::*;

use crate::{Lab, synthetic};

/// The help text of `--data` in studies of digits.
pub const DIGITS: &str = "a directory with MNIST's four files, or anything in their format with images of 28x28 or 8x8, as atlas/fixtures/digits";

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
    /// `train` and `test` digits `[1, 28, 28]`: [drawn ones](data::synthetic::digits), or the first of `--data`, enlarged if they are 8x8.
    ///
    /// # Errors
    /// Data that cannot be read, or of another size.
    pub fn digits(&self, train: usize, test: usize) -> Result<Dataset> {
        match self.data() {
            Some(path) => first_digits(data::load(path)?, train, test),
            None => Ok(synthetic::digits(train, test, self.seed())?),
        }
    }

    /// [`digits`](Lab::digits) at a quarter of their side, `[1, 7, 7]`.
    ///
    /// # Errors
    /// As [`digits`](Lab::digits).
    pub fn small_digits(&self, train: usize, test: usize) -> Result<Dataset> {
        quartered(self.digits(train, test)?)
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

/// The first `train` and `test` digits of a set at 28x28.
pub(crate) fn first_digits(set: Dataset, train: usize, test: usize) -> Result<Dataset> {
    let set = enlarged(set)?;
    ensure!(set.train.shape() == [1, 28, 28], "images of {:?}; these are {DIGITS}", set.train.shape());
    let first = |set: &ImageSet, count: usize| set.subset(0..count.min(set.len()));
    Ok(Dataset { train: first(&set.train, train)?, test: first(&set.test, test)?, source: set.source })
}

/// Images at a quarter of their side.
pub(crate) fn quartered(set: Dataset) -> Result<Dataset> {
    let Dataset { train, test, source } = set;
    Ok(Dataset { train: train.average_pooled(4)?, test: test.average_pooled(4)?, source })
}

/// Images of 8x8 pixels at 28x28, linear between the pixels; others as they are.
fn enlarged(set: Dataset) -> Result<Dataset> {
    const FROM: usize = 8;
    const TO: usize = 28;
    if set.train.shape() != [1, FROM, FROM] {
        return Ok(set);
    }
    // The pixels on both sides of a row or column, and the share of the second.
    let between = |i: usize| {
        let at = ((i as f32 + 0.5) * FROM as f32 / TO as f32 - 0.5).clamp(0.0, (FROM - 1) as f32);
        (at as usize, (at as usize + 1).min(FROM - 1), at.fract())
    };
    let large = |set: &ImageSet| {
        let mut pixels = Vec::with_capacity(set.len() * TO * TO);
        for image in set.pixels().chunks_exact(FROM * FROM) {
            let pixel = |y: usize, x: usize| f32::from(image[y * FROM + x]);
            for (up, down, dy) in (0..TO).map(between) {
                for (left, right, dx) in (0..TO).map(between) {
                    let row = |y: usize| pixel(y, left) + dx * (pixel(y, right) - pixel(y, left));
                    pixels.push((row(up) + dy * (row(down) - row(up))).round() as u8);
                }
            }
        }
        ImageSet::new(pixels, set.labels().to_vec(), set.classes().clone(), [1, TO, TO])
    };
    Ok(Dataset { train: large(&set.train)?, test: large(&set.test)?, source: set.source })
}
