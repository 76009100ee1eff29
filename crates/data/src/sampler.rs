//! Which rows an epoch has, and in what order.

use std::sync::Arc;

use crate::draws::{Draws, Use};
use crate::error::{Error, Result};
use crate::resample::class_counts;

/// Draws the rows of each epoch: the same for the same seed and epoch.
///
/// ```
/// use std::sync::Arc;
/// use data::{Loader, LoaderOptions, Sampler, folds, synthetic};
///
/// let set = Arc::new(synthetic::shapes(100, 0, 0).train);
/// let fold = folds::stratified(set.labels(), 5, Some(0))?.remove(0);
/// let train = LoaderOptions {
///     sampler: Some(Sampler::shuffled(fold.train)?),
///     ..LoaderOptions::train(16, set.mean_std())
/// };
/// let loader = Loader::new(set, train)?;
/// assert_eq!(loader.steps(), 80 / 16);
/// # Ok::<(), data::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Sampler {
    draw: Draw,
    /// Every row that is drawn is below this.
    end: usize,
}

#[derive(Debug, Clone, PartialEq)]
enum Draw {
    InOrder(Arc<[u32]>),
    Shuffled(Arc<[u32]>),
    /// With replacement: sums of the weights up to and with each row.
    Replaced {
        sums: Arc<[f64]>,
        count: usize,
    },
    /// Without replacement.
    Kept {
        weights: Arc<[f64]>,
        count: usize,
    },
}

impl Sampler {
    /// These rows in this order in every epoch, each as often as it is listed.
    ///
    /// # Errors
    /// [`Error::Sampler`] for a row, or a number of rows, of 2^32 or more.
    #[doc(alias("SequentialSampler", "Subset"))]
    pub fn in_order(rows: impl IntoIterator<Item = usize>) -> Result<Sampler> {
        let (rows, end) = list(rows)?;
        Ok(Sampler { draw: Draw::InOrder(rows), end })
    }

    /// These rows in a new random order in each epoch, each as often as it is listed.
    ///
    /// # Errors
    /// [`Error::Sampler`] for a row, or a number of rows, of 2^32 or more.
    #[doc(alias("RandomSampler", "SubsetRandomSampler"))]
    pub fn shuffled(rows: impl IntoIterator<Item = usize>) -> Result<Sampler> {
        let (rows, end) = list(rows)?;
        Ok(Sampler { draw: Draw::Shuffled(rows), end })
    }

    /// `count` rows an epoch, drawn by weights `[N]` that need not add up to 1, as PyTorch's `WeightedRandomSampler`. With
    /// `replacement` each draw is independent; without, a row is drawn at most once, always by the weights of the rows left.
    ///
    /// ```
    /// let sampler = data::Sampler::weighted(&[1.0, 0.0, 3.0], 4000, true)?;
    /// let drawn = sampler.epoch(0, 0);
    /// let count = |row| drawn.iter().filter(|&&drawn| drawn == row).count();
    /// assert_eq!(count(1), 0);
    /// assert!((2900..3100).contains(&count(2)));
    /// # Ok::<(), data::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Sampler`] if a weight is negative or not finite, all are 0, the weights or draws are 2^32 or more, or there are
    /// fewer weights above 0 than draws without replacement.
    #[doc(alias = "WeightedRandomSampler")]
    pub fn weighted(weights: &[f64], count: usize, replacement: bool) -> Result<Sampler> {
        if let Some(row) = weights.iter().position(|weight| !weight.is_finite() || *weight < 0.0) {
            return Err(Error::Sampler(format!(
                "the weight of row {row} is {}; it must be finite and not below 0",
                weights[row]
            )));
        }
        count32(weights.len().max(count))?;
        let positive = weights.iter().filter(|&&weight| weight > 0.0).count();
        if positive == 0 || !replacement && positive < count {
            return Err(Error::Sampler(format!("{positive} weights above 0 do not give {count} rows")));
        }
        let end = weights.len();
        if !replacement {
            return Ok(Sampler { draw: Draw::Kept { weights: weights.into(), count }, end });
        }
        let add = |sum: &mut f64, weight: &f64| {
            *sum += weight;
            Some(*sum)
        };
        let sums: Arc<[f64]> = weights.iter().scan(0.0, add).collect();
        if sums.last().is_some_and(|sum| !sum.is_finite()) {
            return Err(Error::Sampler("the weights add up to no finite number".into()));
        }
        Ok(Sampler { draw: Draw::Replaced { sums, count }, end })
    }

    /// As many draws as there are labels `[N]`, with replacement, such that all classes are equally likely.
    ///
    /// # Errors
    /// [`Error::Sampler`] if there are no labels.
    pub fn balanced(labels: &[u32]) -> Result<Sampler> {
        let counts = class_counts(labels);
        let weights: Vec<f64> = labels.iter().map(|label| 1.0 / counts[label] as f64).collect();
        Sampler::weighted(&weights, labels.len(), true)
    }

    /// How many rows each epoch has.
    pub fn len(&self) -> usize {
        match &self.draw {
            Draw::InOrder(rows) | Draw::Shuffled(rows) => rows.len(),
            Draw::Replaced { count, .. } | Draw::Kept { count, .. } => *count,
        }
    }

    /// Whether epochs have no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows of epoch `epoch`, `[len]`.
    pub fn epoch(&self, seed: u64, epoch: usize) -> Vec<u32> {
        match &self.draw {
            Draw::InOrder(rows) => rows.to_vec(),
            Draw::Shuffled(rows) => {
                let mut order = rows.to_vec();
                Draws::stream(seed, Use::Shuffle, epoch as u64, 0).shuffle(&mut order);
                order
            }
            Draw::Replaced { sums, count } => {
                let mut draws = Draws::stream(seed, Use::Sampler, epoch as u64, 0);
                let total = sums.last().copied().unwrap_or(0.0);
                let last = total.next_down(); // the product may be rounded up to the total
                let mut draw = || {
                    let place = (draws.unit() * total).min(last);
                    sums.partition_point(|&sum| sum <= place) as u32
                };
                (0..*count).map(|_| draw()).collect()
            }
            Draw::Kept { weights, count } => {
                let mut draws = Draws::stream(seed, Use::Sampler, epoch as u64, 1);
                // The rows with the smallest exponential variables of these rates (Efraimidis and Spirakis 2006).
                let mut clocks: Vec<(f64, u32)> = weights
                    .iter()
                    .enumerate()
                    .map(|(row, weight)| (-(1.0 - draws.unit()).ln() / weight, row as u32))
                    .filter(|&(_, row)| weights[row as usize] > 0.0)
                    .collect();
                clocks.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                clocks.into_iter().take(*count).map(|(_, row)| row).collect()
            }
        }
    }

    /// Every row that is ever drawn is below this.
    pub(crate) fn end(&self) -> usize {
        self.end
    }
}

fn list(rows: impl IntoIterator<Item = usize>) -> Result<(Arc<[u32]>, usize)> {
    let rows: Arc<[u32]> = rows.into_iter().map(count32).collect::<Result<_>>()?;
    count32(rows.len())?;
    let end = rows.iter().max().map_or(0, |&row| row as usize + 1);
    Ok((rows, end))
}

fn count32(count: usize) -> Result<u32> {
    u32::try_from(count).map_err(|_| Error::Sampler(format!("{count} is more than 32 bits can count")))
}
