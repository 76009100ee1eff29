//! Where training batches come from.

use crate::pictures::Images;
use crate::text::{TextBatch, Windows};
use crate::{Batch, Error, Loader, Part, Result};

/// Batches, epoch after epoch. Those of an epoch do not depend on earlier requests, so that a resumed run continues with the
/// batches it would have seen.
///
/// ```
/// # fn main() -> data::Result<()> {
/// use data::{Loader, LoaderOptions, Source, synthetic};
/// let train = synthetic::digits(100, 0, 0).train;
/// let options = LoaderOptions::train(30, train.mean_std());
/// let loader = Loader::new(train.into(), options)?;
/// let all: Vec<Vec<u32>> = loader.batches(4, 0).map(|batch| batch.indices.clone()).collect();
/// let rest: Vec<Vec<u32>> = loader.batches(4, 2).map(|batch| batch.indices.clone()).collect();
/// assert_eq!((all.len(), loader.steps(), rest), (3, 3, all[2..].to_vec()));
/// # Ok(())
/// # }
/// ```
#[doc(alias = "IterableDataset")]
pub trait Source {
    /// What a step trains on.
    type Batch;

    /// Batches an epoch.
    fn steps(&self) -> usize;

    /// The share of a batch that this source gives, if the batches are [divided](crate::Part) among processes; else 1.
    fn share(&self) -> f32 {
        1.0
    }

    /// What processes that [divide](crate::Part) the batches must have in common: size and order of the batches, a checksum of the data.
    /// Empty if it is not known.
    fn fingerprint(&self) -> String {
        String::new()
    }

    /// The batches of epoch `epoch` but for the first `skip`, which are not made.
    fn batches(&self, epoch: usize, skip: usize) -> impl Iterator<Item = Self::Batch>;
}

impl<S: Images> Source for Loader<S> {
    type Batch = Batch;

    fn steps(&self) -> usize {
        Loader::steps(self)
    }

    fn share(&self) -> f32 {
        self.options().part.share(self.options().batch)
    }

    fn fingerprint(&self) -> String {
        let (options, images, sum) = (self.options(), self.set().labels().len(), self.set().checksum());
        format!("{images} images in batches of {}, seed {}, checksum {sum:08x}", options.batch, options.seed)
    }

    fn batches(&self, epoch: usize, skip: usize) -> impl Iterator<Item = Batch> {
        self.epoch_from(epoch, skip)
    }
}

/// Windows of a text at random places, as [`Windows::draw`] gives them; see [`Windows::random`].
#[derive(Clone, Debug)]
pub struct RandomWindows {
    windows: Windows,
    count: usize,
    seed: u64,
    steps: usize,
    part: Part,
}

impl Windows {
    /// A source of batches of `count` windows at random places, `steps` of them an epoch.
    ///
    /// ```
    /// use data::{Source, Text};
    /// let (train, _) = Text::new("abcdefghijklmnopqrstuvwxyz")?.split(0.2, 4)?;
    /// let source = train.clone().random(2, 7, 10);
    /// assert_eq!(source.batches(1, 5).next(), Some(train.draw(2, 7, 15)));
    /// # Ok::<(), data::Error>(())
    /// ```
    pub fn random(self, count: usize, seed: u64, steps: usize) -> RandomWindows {
        RandomWindows { windows: self, count, seed, steps, part: Part::default() }
    }
}

impl RandomWindows {
    /// Only this process's part of every batch.
    ///
    /// # Errors
    /// [`Error::Options`](crate::Error::Options) when a part has no windows.
    pub fn part(self, part: Part) -> Result<RandomWindows> {
        match part.problem(self.count, self.count, true) {
            Some(problem) => Err(Error::Options(problem)),
            None => Ok(RandomWindows { part, ..self }),
        }
    }
}

impl Source for RandomWindows {
    type Batch = TextBatch;

    fn steps(&self) -> usize {
        self.steps
    }

    fn share(&self) -> f32 {
        self.part.share(self.count)
    }

    fn fingerprint(&self) -> String {
        let RandomWindows { windows, count, seed, .. } = self;
        format!("{count} windows a batch, seed {seed}, checksum {:08x}", windows.checksum())
    }

    fn batches(&self, epoch: usize, skip: usize) -> impl Iterator<Item = TextBatch> {
        let before = epoch * self.steps;
        (before + skip..before + self.steps)
            .map(|step| self.windows.draw(self.count, self.seed, step).part(self.part))
    }
}
