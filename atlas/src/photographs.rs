//! Photographs to learn from: the user's.

use anyhow::{Result, ensure};
use wgrad::data::{self, Dataset, ImageSet};

use crate::{Lab, synthetic};

/// The help text of `--data` in studies of photographs.
pub const PHOTOGRAPHS: &str =
    "CIFAR-10, or other colour images of 32x32 in its format or as train/CLASS/*.jpg and test/CLASS/*.jpg";

/// Whether these are colour images of the size of CIFAR-10's.
pub(crate) fn are_photographs(set: &Dataset) -> bool {
    set.train.shape() == [3, 32, 32]
}

impl Lab {
    /// `train` and `test` colour images `[3, 32, 32]` of `--data`, drawn at random, as files are often sorted by class; none without `--data`.
    ///
    /// # Errors
    /// Data that cannot be read, or of another size.
    pub fn photographs(&self, train: usize, test: usize) -> Result<Option<Dataset>> {
        let Some(path) = self.data() else { return Ok(None) };
        let set = data::load(path)?;
        ensure!(are_photographs(&set), "images of {:?}; these are {PHOTOGRAPHS}", set.train.shape());
        Ok(Some(self.sample(set, train, test)?))
    }

    /// All [`photographs`](Lab::photographs) of `--data`, or `train` and `test` drawn [shapes](synthetic::shapes) of that size.
    ///
    /// # Errors
    /// Those of [`photographs`](Lab::photographs).
    pub fn photographs_or_shapes(&self, train: usize, test: usize) -> Result<Dataset> {
        match self.photographs(usize::MAX, usize::MAX)? {
            Some(photographs) => Ok(photographs),
            None => Ok(synthetic::shapes(train, test, self.seed())?),
        }
    }

    /// `train` and `test` images of a set at random, or all that there are.
    ///
    /// # Errors
    /// None for a set with images.
    pub fn sample(&self, set: Dataset, train: usize, test: usize) -> Result<Dataset> {
        let some = |set: &ImageSet, count: usize, stream: u32| {
            let mut order: Vec<usize> = (0..set.len()).collect();
            self.draws(stream).shuffle(&mut order);
            set.subset(order.into_iter().take(count))
        };
        let [train, test] = [some(&set.train, train, 100)?, some(&set.test, test, 101)?];
        Ok(Dataset { train, test, source: set.source })
    }
}
