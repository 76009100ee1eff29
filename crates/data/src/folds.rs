//! Rows divided several times, for cross-validation: each [`Fold`] learns from some rows and measures on others.
//!
//! The divisions are scikit-learn's; without a seed, they equal it row by row.
//!
//! ```
//! let folds = data::folds::k_fold(5, 2, None)?;
//! assert_eq!((&folds[0].test, &folds[0].train), (&vec![0, 1, 2], &vec![3, 4]));
//! assert_eq!((&folds[1].test, &folds[1].train), (&vec![3, 4], &vec![0, 1, 2]));
//! # Ok::<(), data::Error>(())
//! ```

use std::cmp::Reverse;

use crate::draws::{Draws, Use};
use crate::error::{Error, Result};
use crate::split::members;

/// The rows of one division, both lists ascending and without a common row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// The rows to learn from.
    pub train: Vec<usize>,
    /// The rows to measure on.
    pub test: Vec<usize>,
}

/// `folds` divisions of `rows` in which each row is in one test, as scikit-learn's `KFold`: consecutive rows, or, with a
/// seed, random ones. The first `rows % folds` tests have one row more than the others.
///
/// # Errors
/// [`Error::Split`] for fewer than two folds or more folds than rows.
#[doc(alias = "KFold")]
pub fn k_fold(rows: usize, folds: usize, seed: Option<u64>) -> Result<Vec<Fold>> {
    check(folds, rows, "rows")?;
    let mut order: Vec<usize> = (0..rows).collect();
    if let Some(seed) = seed {
        Draws::stream(seed, Use::Split, 3, 0).shuffle(&mut order);
    }
    let mut fold_of = vec![0; rows];
    let mut start = 0;
    for fold in 0..folds {
        let end = start + rows / folds + usize::from(fold < rows % folds);
        order[start..end].iter().for_each(|&row| fold_of[row] = fold);
        start = end;
    }
    Ok(assemble(&fold_of, folds))
}

/// [`k_fold`] in which every test has each label in the proportions of the whole, as scikit-learn's `StratifiedKFold`: each
/// label's rows in a test, and each test's size, are within one of their exact share.
///
/// ```
/// let labels = [0, 0, 0, 0, 1, 1];
/// let folds = data::folds::stratified(&labels, 2, None)?;
/// assert_eq!((&folds[0].test, &folds[1].test), (&vec![0, 1, 4], &vec![2, 3, 5]));
/// # Ok::<(), data::Error>(())
/// ```
///
/// # Errors
/// [`Error::Split`] for fewer than two folds, or more folds than every label has rows. A label with fewer rows than that is in
/// some of the tests only.
#[doc(alias = "StratifiedKFold")]
pub fn stratified<T: Ord>(labels: &[T], folds: usize, seed: Option<u64>) -> Result<Vec<Fold>> {
    let mut strata = members(labels);
    check(folds, strata.iter().map(Vec::len).max().unwrap_or(0), "rows of the most frequent label")?;
    strata.sort_by_key(|rows| rows[0]); // labels are numbered as they appear
    let mut draws = seed.map(|seed| Draws::stream(seed, Use::Split, 4, 0));
    let mut fold_of = vec![0; labels.len()];
    let mut start = 0;
    for rows in &strata {
        // Places, counted label after label, go to the folds in turn, which gives the number of a label's rows in each fold.
        let mut places: Vec<usize> = (start..start + rows.len()).map(|place| place % folds).collect();
        places.sort_unstable();
        if let Some(draws) = &mut draws {
            draws.shuffle(&mut places);
        }
        rows.iter().zip(places).for_each(|(&row, fold)| fold_of[row] = fold);
        start += rows.len();
    }
    Ok(assemble(&fold_of, folds))
}

/// [`k_fold`] in which each group is in one test with all of its rows, as scikit-learn's `GroupKFold`: the largest group goes
/// to the test that has the fewest rows, and so on.
///
/// ```
/// let folds = data::folds::grouped(&["a", "b", "b", "c", "c", "c"], 2)?;
/// assert_eq!((&folds[0].test, &folds[1].test), (&vec![3, 4, 5], &vec![0, 1, 2]));
/// # Ok::<(), data::Error>(())
/// ```
///
/// # Errors
/// [`Error::Split`] for fewer than two folds or more folds than groups.
#[doc(alias = "GroupKFold")]
pub fn grouped<T: Ord>(groups: &[T], folds: usize) -> Result<Vec<Fold>> {
    let mut members = members(groups);
    check(folds, members.len(), "groups")?;
    members.reverse(); // of groups of equal size, the last one comes first
    members.sort_by_key(|rows| Reverse(rows.len()));
    let (mut sizes, mut fold_of) = (vec![0; folds], vec![0; groups.len()]);
    for rows in members {
        let lightest = (0..folds).min_by_key(|&fold| sizes[fold]).unwrap_or(0);
        sizes[lightest] += rows.len();
        rows.into_iter().for_each(|row| fold_of[row] = lightest);
    }
    Ok(assemble(&fold_of, folds))
}

/// How [`rolling`] divides rows that are ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rolling {
    /// How many divisions there are, 1 or more.
    pub folds: usize,
    /// Rows in each test; as scikit-learn, `rows / (folds + 1)` if not given.
    pub test: Option<usize>,
    /// Rows left out between training and test, for targets that look ahead.
    pub gap: usize,
    /// The most rows to learn from, the latest ones; all earlier ones if not given.
    pub most: Option<usize>,
}

impl Rolling {
    /// Tests of equal size, trained on everything before.
    pub fn new(folds: usize) -> Rolling {
        Rolling { folds, test: None, gap: 0, most: None }
    }
}

/// Tests one after the other up to the last row, each trained on what comes before it, as scikit-learn's
/// `TimeSeriesSplit`: evaluation with a rolling origin. The rows must be ordered by time.
///
/// ```
/// use data::folds::{Rolling, rolling};
/// let folds = rolling(6, Rolling { most: Some(3), ..Rolling::new(2) })?;
/// assert_eq!((&folds[0].train, &folds[0].test), (&vec![0, 1], &vec![2, 3]));
/// assert_eq!((&folds[1].train, &folds[1].test), (&vec![1, 2, 3], &vec![4, 5]));
/// # Ok::<(), data::Error>(())
/// ```
///
/// # Errors
/// [`Error::Split`] for no folds, tests of no rows, or too few rows for a first training set.
#[doc(alias = "TimeSeriesSplit")]
pub fn rolling(rows: usize, Rolling { folds, test, gap, most }: Rolling) -> Result<Vec<Fold>> {
    let size = test.unwrap_or(rows / folds.saturating_add(1));
    let first = folds.checked_mul(size).and_then(|tests| rows.checked_sub(tests)?.checked_sub(gap));
    let first = match first {
        Some(first) if first > 0 && folds > 0 && size > 0 && most != Some(0) => first,
        _ => {
            return Err(Error::Split(format!(
                "{rows} rows do not give {folds} tests of {size}, gaps of {gap} and something to learn from"
            )));
        }
    };
    let fold = |fold: usize| {
        let (end, start) = (first + fold * size, first + fold * size + gap);
        let begin = end.saturating_sub(most.unwrap_or(end));
        Fold { train: (begin..end).collect(), test: (start..start + size).collect() }
    };
    Ok((0..folds).map(fold).collect())
}

fn check(folds: usize, count: usize, what: &str) -> Result<()> {
    if folds < 2 || folds > count {
        return Err(Error::Split(format!("{folds} folds of {count} {what}; use 2 to {count}")));
    }
    if u32::try_from(count).is_err() {
        return Err(Error::Split(format!("{count} {what} are more than 32 bits can count")));
    }
    Ok(())
}

/// Each fold's test, and everything else for training.
fn assemble(fold_of: &[usize], folds: usize) -> Vec<Fold> {
    let rows = |keep: &dyn Fn(usize) -> bool| (0..fold_of.len()).filter(|&row| keep(fold_of[row])).collect();
    (0..folds).map(|fold| Fold { train: rows(&|of| of != fold), test: rows(&|of| of == fold) }).collect()
}
