//! Batches of any examples.

use std::sync::Arc;

use crate::draws::{Draws, Use};
use crate::error::{Error, Result};
use crate::part::Part;
use crate::prefetch::Prefetch;
use crate::sampler::Sampler;
use crate::source::Source;

/// Examples by number, and how several of them become a batch: PyTorch's map-style data set with its `collate_fn`.
///
/// ```
/// use std::sync::Arc;
/// use data::{BatchOptions, Batches, Examples, Source};
///
/// /// The numbers below 10; a batch is their sum.
/// struct Sums;
///
/// impl Examples for Sums {
///     type Batch = u32;
///     fn len(&self) -> usize {
///         10
///     }
///     fn collate(&self, indices: &[u32]) -> u32 {
///         indices.iter().sum()
///     }
/// }
///
/// let batches = Batches::new(Arc::new(Sums), BatchOptions::eval(4))?;
/// assert_eq!(batches.batches(0, 0).collect::<Vec<_>>(), [6, 22, 17]);
/// # Ok::<(), data::Error>(())
/// ```
#[doc(alias = "Dataset")]
pub trait Examples {
    /// Several examples together.
    type Batch;

    /// How many examples there are, below 2^32.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The batch of the examples with these numbers, all below [`len`](Self::len), in this order.
    #[doc(alias = "collate_fn")]
    fn collate(&self, indices: &[u32]) -> Self::Batch;

    /// How long an example is, for [`BatchOptions::bucket`].
    fn length(&self, index: u32) -> usize {
        let _ = index;
        1
    }
}

/// How examples become batches.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchOptions {
    /// Examples a batch.
    pub batch: usize,
    /// Which examples of a batch this process takes.
    pub part: Part,
    /// Whether each epoch has its own random order; unused with a sampler.
    pub shuffle: bool,
    /// Which examples an epoch has, and in what order; every one once if not given.
    pub sampler: Option<Sampler>,
    /// Whether a last batch with fewer examples is left out.
    pub drop_last: bool,
    /// The seed of the order, together with the epoch.
    pub seed: u64,
    /// Sorts the examples of this many batches at a time by length before cutting them into batches, so that little padding is
    /// needed; the batches come in random order, except for a smaller last one. 0 keeps the order as it is; with 50 to 100,
    /// batches are nearly as random.
    pub bucket: usize,
    /// How many batches a thread makes ahead. 0 makes each on demand, which is faster if making one takes less than passing it
    /// between threads, about 7 microseconds.
    #[doc(alias("num_workers", "prefetch_factor"))]
    pub prefetch: usize,
}

impl BatchOptions {
    /// For training: shuffled, whole batches only, none made ahead, seed 0.
    pub fn train(batch: usize) -> BatchOptions {
        BatchOptions { shuffle: true, drop_last: true, ..BatchOptions::eval(batch) }
    }

    /// For measuring: every example once and in order, so that the last batch may be smaller.
    pub fn eval(batch: usize) -> BatchOptions {
        BatchOptions {
            batch,
            part: Part::default(),
            shuffle: false,
            sampler: None,
            drop_last: false,
            seed: 0,
            bucket: 0,
            prefetch: 0,
        }
    }
}

/// Makes examples' batches, epoch after epoch.
///
/// ```
/// use std::sync::Arc;
/// use data::{BatchOptions, Batches, Matrix, Rows, Source, Targets};
///
/// let features = Matrix::new((0..12).map(|x| x as f32).collect(), 2)?;
/// let rows = Rows::new(features, Targets::Classes(vec![0, 1, 0, 1, 0, 1]))?;
/// let batches = Batches::new(Arc::new(rows), BatchOptions::eval(4))?;
/// let shapes: Vec<_> = batches.batches(0, 0).map(|batch| (batch.features.rows(), batch.indices.len())).collect();
/// assert_eq!((batches.steps(), shapes), (2, vec![(4, 4), (2, 2)]));
/// # Ok::<(), data::Error>(())
/// ```
#[doc(alias = "DataLoader")]
#[derive(Debug)]
pub struct Batches<E> {
    examples: Arc<E>,
    options: BatchOptions,
    sampler: Sampler,
}

impl<E: Examples> Batches<E> {
    /// Batches of `examples`.
    ///
    /// # Errors
    /// [`Error::Options`] if there are no examples, the sampler draws nothing or examples that do not exist, or a batch is 0 or
    /// (with `drop_last`) more than an epoch's examples.
    pub fn new(examples: Arc<E>, options: BatchOptions) -> Result<Batches<E>> {
        let all = 0..examples.len();
        let sampler = match options.sampler.clone() {
            Some(sampler) => sampler,
            None if options.shuffle => Sampler::shuffled(all)?,
            None => Sampler::in_order(all)?,
        };
        let problem = if examples.is_empty() {
            "there are no examples"
        } else if sampler.is_empty() {
            "the sampler draws no examples"
        } else if sampler.end() > examples.len() {
            "the sampler draws examples that are not there"
        } else if options.batch == 0 {
            "a batch of 0 examples"
        } else if options.drop_last && options.batch > sampler.len() {
            "drop_last leaves nothing: a batch is more than an epoch's examples"
        } else {
            let problem = options.part.problem(options.batch, sampler.len(), options.drop_last);
            return match problem {
                Some(problem) => Err(Error::Options(problem)),
                None => Ok(Batches { examples, options, sampler }),
            };
        };
        Err(Error::Options(problem.into()))
    }

    /// The examples.
    pub fn examples(&self) -> &Arc<E> {
        &self.examples
    }

    /// The numbers of the examples in each batch of an epoch.
    fn plan(&self, epoch: usize) -> Vec<Vec<u32>> {
        let BatchOptions { batch, drop_last, bucket, seed, .. } = self.options;
        let mut order = self.sampler.epoch(seed, epoch);
        if drop_last {
            order.truncate(order.len() / batch * batch);
        }
        if bucket == 0 {
            return order.chunks(batch).map(<[u32]>::to_vec).collect();
        }
        for pool in order.chunks_mut(batch.saturating_mul(bucket)) {
            pool.sort_by_key(|&index| self.examples.length(index));
        }
        let mut plan: Vec<Vec<u32>> = order.chunks(batch).map(<[u32]>::to_vec).collect();
        let whole = order.len() / batch;
        Draws::stream(seed, Use::Buckets, epoch as u64, 0).shuffle(&mut plan[..whole]);
        plan
    }
}

impl<E> Source for Batches<E>
where
    E: Examples + Send + Sync + 'static,
    E::Batch: Send + 'static,
{
    type Batch = E::Batch;

    fn steps(&self) -> usize {
        let (examples, batch) = (self.sampler.len(), self.options.batch);
        if self.options.drop_last { examples / batch } else { examples.div_ceil(batch) }
    }

    fn share(&self) -> f32 {
        self.options.part.share(self.options.batch)
    }

    fn fingerprint(&self) -> String {
        let (examples, BatchOptions { batch, seed, .. }) = (self.examples.len(), &self.options);
        format!("{examples} examples in batches of {batch}, seed {seed}")
    }

    fn batches(&self, epoch: usize, skip: usize) -> impl Iterator<Item = E::Batch> {
        let (examples, plan, part) = (self.examples.clone(), self.plan(epoch), self.options.part);
        let made = plan.into_iter().skip(skip).map(move |indices| examples.collate(&part.own(&indices)));
        let batches: Box<dyn Iterator<Item = E::Batch>> = match self.options.prefetch {
            0 => Box::new(made),
            ahead => Box::new(Prefetch::new(ahead, made)),
        };
        batches
    }
}
