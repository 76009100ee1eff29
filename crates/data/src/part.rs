//! Batches divided among processes.

/// The part of every batch that one of several processes takes. The batches themselves do not depend on the number of processes: steps,
/// order and positions in an epoch stay the same when a run continues with more or fewer of them, and no example is taken twice.
///
/// Process `index` takes every `of`-th example of a batch, as torch's `DistributedSampler` divides an epoch.
///
/// ```
/// use data::{Loader, LoaderOptions, Part, Source, synthetic};
/// let train = std::sync::Arc::new(synthetic::digits(100, 0, 0).train);
/// let options = LoaderOptions::train(30, train.mean_std());
/// let whole = Loader::new(train.clone(), options.clone())?;
/// let second = Loader::new(train, LoaderOptions { part: Part { index: 1, of: 4 }, ..options })?;
/// let (all, own) = (whole.batches(0, 2).next().unwrap(), second.batches(0, 2).next().unwrap());
/// assert_eq!(own.indices, all.indices.iter().copied().skip(1).step_by(4).collect::<Vec<u32>>());
/// assert_eq!((second.steps(), second.share()), (3, 8.0 / 30.0));
/// # Ok::<(), data::Error>(())
/// ```
#[doc(alias("DistributedSampler", "num_replicas"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Number of this process, from 0.
    pub index: usize,
    /// Number of processes.
    pub of: usize,
}

impl Default for Part {
    /// Whole batches, for one process.
    fn default() -> Part {
        Part { index: 0, of: 1 }
    }
}

impl Part {
    /// This process's examples of a batch.
    pub(crate) fn own(self, batch: &[u32]) -> Vec<u32> {
        batch.iter().copied().skip(self.index).step_by(self.of).collect()
    }

    /// Number of this process's examples of a batch of `batch`.
    pub(crate) fn size(self, batch: usize) -> usize {
        batch.saturating_sub(self.index).div_ceil(self.of)
    }

    /// This process's share of a batch of `batch` examples.
    pub(crate) fn share(self, batch: usize) -> f32 {
        self.size(batch) as f32 / batch as f32
    }

    /// This process's examples of `count` in batches of `batch`, of which the last may be smaller.
    pub(crate) fn count(self, batch: usize, count: usize, drop_last: bool) -> usize {
        count / batch * self.size(batch) + if drop_last { 0 } else { self.size(count % batch) }
    }

    /// What is wrong with dividing `count` examples in batches of `batch`, of which the last may be smaller.
    pub(crate) fn problem(self, batch: usize, count: usize, drop_last: bool) -> Option<String> {
        let Part { index, of } = self;
        if index >= of {
            return Some(format!("part {index} of {of}; parts are counted from 0"));
        }
        let last = if drop_last { 0 } else { count % batch };
        let small = [batch, last].into_iter().find(|&size| size > 0 && size < of)?;
        Some(format!(
            "a batch of {small} for {of} processes leaves nothing for some; choose another batch, or drop_last"
        ))
    }
}
