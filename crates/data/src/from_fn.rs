//! Examples and sources by closures.

use crate::batches::Examples;
use crate::source::Source;

/// Examples by a function of their numbers, without a type of one's own.
///
/// ```
/// use std::sync::Arc;
/// use data::{BatchOptions, Batches, FnExamples, Source};
///
/// // Ten examples; a batch is the sum of their numbers.
/// let sums = FnExamples::new(10, |indices: &[u32]| indices.iter().sum::<u32>());
/// let batches = Batches::new(Arc::new(sums), BatchOptions::eval(4))?;
/// assert_eq!(batches.batches(0, 0).collect::<Vec<_>>(), [6, 22, 17]);
/// # Ok::<(), data::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FnExamples<F> {
    len: usize,
    collate: F,
}

impl<B, F: Fn(&[u32]) -> B> FnExamples<F> {
    /// `len` examples; `collate` makes the batch of the examples with the given numbers, all below `len`.
    pub fn new(len: usize, collate: F) -> FnExamples<F> {
        FnExamples { len, collate }
    }
}

impl<B, F: Fn(&[u32]) -> B> Examples for FnExamples<F> {
    type Batch = B;

    fn len(&self) -> usize {
        self.len
    }

    fn collate(&self, indices: &[u32]) -> B {
        (self.collate)(indices)
    }
}

/// A source by a function from the number of an epoch to an iterator of batches, as torch's `IterableDataset`.
///
/// ```
/// use data::{IterSource, Source};
///
/// let source = IterSource::new(3, |epoch| (0..).map(move |i| 10 * epoch + i));
/// assert_eq!(source.batches(2, 1).collect::<Vec<_>>(), [21, 22]);
/// ```
#[doc(alias = "IterableDataset")]
#[derive(Clone, Debug)]
pub struct IterSource<F> {
    steps: usize,
    batches: F,
}

impl<I: Iterator, F: Fn(usize) -> I> IterSource<F> {
    /// `steps` batches an epoch, the first ones of what `batches` returns for the epoch's number. It must return the same batches each
    /// time, so that a resumed run sees those that it would have seen.
    pub fn new(steps: usize, batches: F) -> IterSource<F> {
        IterSource { steps, batches }
    }
}

impl<I: Iterator, F: Fn(usize) -> I> Source for IterSource<F> {
    type Batch = I::Item;

    fn steps(&self) -> usize {
        self.steps
    }

    fn batches(&self, epoch: usize, skip: usize) -> impl Iterator<Item = I::Item> {
        (self.batches)(epoch).take(self.steps).skip(skip)
    }
}
