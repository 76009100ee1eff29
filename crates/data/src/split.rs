//! Rows divided once, by fractions, such as into training, validation and test rows.
//!
//! Each function gives one ascending list of rows for each fraction. The fractions add up to 1; every row is in exactly one
//! list, and no list is empty. What is drawn depends on the seed alone.
//!
//! ```
//! let [train, validation, test] = data::split::random(10, [0.6, 0.2, 0.2], 42)?;
//! assert_eq!((train.len(), validation.len(), test.len()), (6, 2, 2));
//! let mut all = [train, validation, test].concat();
//! all.sort_unstable();
//! assert_eq!(all, (0..10).collect::<Vec<_>>());
//! # Ok::<(), data::Error>(())
//! ```

use std::collections::BTreeMap;

use crate::draws::{Draws, Use};
use crate::error::{Error, Result};

/// Rows drawn regardless of their contents, as scikit-learn's `ShuffleSplit`. Each part is within one row of its exact share of
/// `rows`; the largest remainders are rounded up.
///
/// # Errors
/// [`Error::Split`] if the fractions are not above 0 with a sum of 1, or a part would be empty.
#[doc(alias("random_split", "train_test_split"))]
pub fn random<const P: usize>(rows: usize, fractions: [f64; P], seed: u64) -> Result<[Vec<usize>; P]> {
    let sizes = sizes(rows, fractions)?;
    let mut order: Vec<usize> = (0..rows).collect();
    Draws::stream(seed, Use::Split, 0, 0).shuffle(&mut order);
    finish(cut(&order, sizes))
}

/// Rows drawn so that every part has each label in the proportions of the whole, as scikit-learn's
/// `StratifiedShuffleSplit`: each label's rows in each part are within one of their exact share, and, for up to three parts,
/// so is each part's size.
///
/// ```
/// let labels = [0, 0, 0, 0, 0, 0, 1, 1, 1];
/// let [train, test] = data::split::stratified(&labels, [2.0 / 3.0, 1.0 / 3.0], 0)?;
/// let ones = |rows: &[usize]| rows.iter().filter(|&&row| labels[row] == 1).count();
/// assert_eq!((train.len(), ones(&train), test.len(), ones(&test)), (6, 2, 3, 1));
/// # Ok::<(), data::Error>(())
/// ```
///
/// # Errors
/// As [`random`], and [`Error::Split`] if a label has a single row.
pub fn stratified<T: Ord, const P: usize>(
    labels: &[T],
    fractions: [f64; P],
    seed: u64,
) -> Result<[Vec<usize>; P]> {
    let mut missing = sizes(labels.len(), fractions)?.map(|size| size as i64);
    let mut strata = members(labels);
    if let Some(rows) = strata.iter().find(|rows| rows.len() < 2) {
        return Err(Error::Split(format!(
            "the label of row {} has no other row; at least 2 are needed to be in several parts",
            rows[0]
        )));
    }
    let mut counts: Vec<[usize; P]> =
        strata.iter().map(|rows| shares(rows.len(), fractions).map(|share| share as usize)).collect();
    for count in &counts {
        missing.iter_mut().zip(count).for_each(|(missing, &count)| *missing -= count as i64);
    }
    let mut parts: [Vec<usize>; P] = std::array::from_fn(|_| vec![]);
    let mut draws = Draws::stream(seed, Use::Split, 1, 0);
    for (rows, counts) in strata.iter_mut().zip(&mut counts) {
        // Giving one more row to each of the parts that lack most fills all parts, if that is possible (Gale and Ryser).
        let left = rows.len().saturating_sub(counts.iter().sum());
        let mut neediest: Vec<usize> = (0..P).collect();
        neediest.sort_by_key(|&part| -missing[part]);
        for &part in &neediest[..left.min(P)] {
            counts[part] += 1;
            missing[part] -= 1;
        }
        draws.shuffle(rows);
        parts.iter_mut().zip(cut(rows, *counts)).for_each(|(part, rows)| part.extend(rows));
    }
    finish(parts)
}

/// Groups drawn, each with all of its rows in one part, as scikit-learn's `GroupShuffleSplit`: the fractions are of the number of
/// groups, whatever their sizes.
///
/// ```
/// let patients = ["a", "a", "b", "c", "c", "c", "d"];
/// let [train, test] = data::split::grouped(&patients, [0.5, 0.5], 0)?;
/// assert!(train.iter().all(|&row| test.iter().all(|&other| patients[row] != patients[other])));
/// # Ok::<(), data::Error>(())
/// ```
///
/// # Errors
/// As [`random`], of groups.
pub fn grouped<T: Ord, const P: usize>(
    groups: &[T],
    fractions: [f64; P],
    seed: u64,
) -> Result<[Vec<usize>; P]> {
    let mut members = members(groups);
    let sizes = sizes(members.len(), fractions)?;
    Draws::stream(seed, Use::Split, 2, 0).shuffle(&mut members);
    finish(cut(&members, sizes).map(|groups| groups.concat()))
}

/// The earliest rows first: all of a part's rows come before all of the next part's. Rows of equal time stay together; those at a
/// cut go to the later part, so that training rows are always earlier than test rows.
///
/// ```
/// let years = [2003, 2001, 2004, 2002, 2004];
/// let [train, test] = data::split::by_time(&years, [0.8, 0.2])?;
/// assert_eq!((train, test), (vec![0, 1, 3], vec![2, 4]));
/// # Ok::<(), data::Error>(())
/// ```
///
/// # Errors
/// As [`random`], and [`Error::Split`] if a time is not comparable (NaN), or rows of equal time leave a part empty.
pub fn by_time<T: PartialOrd, const P: usize>(times: &[T], fractions: [f64; P]) -> Result<[Vec<usize>; P]> {
    let sizes = sizes(times.len(), fractions)?;
    if let Some(row) = times.iter().position(|time| time.partial_cmp(time).is_none()) {
        return Err(Error::Split(format!("the time of row {row} is none")));
    }
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by(|&a, &b| times[a].partial_cmp(&times[b]).unwrap_or(std::cmp::Ordering::Equal));
    let (mut start, mut exact) = (0, 0);
    finish(std::array::from_fn(|part| {
        exact += sizes[part];
        let mut end = exact;
        while end > start && end < order.len() && times[order[end - 1]] == times[order[end]] {
            end -= 1;
        }
        let rows = order[start..end].to_vec();
        start = end;
        rows
    }))
}

/// The rows of each value, ascending, by the order of the values.
pub(crate) fn members<T: Ord>(values: &[T]) -> Vec<Vec<usize>> {
    let mut members = BTreeMap::<&T, Vec<usize>>::new();
    for (row, value) in values.iter().enumerate() {
        members.entry(value).or_default().push(row);
    }
    members.into_values().collect()
}

/// Whole numbers that add up to `count`, each within one of its share: Hamilton's method.
fn sizes<const P: usize>(count: usize, fractions: [f64; P]) -> Result<[usize; P]> {
    let sum: f64 = fractions.iter().sum();
    if !fractions.iter().all(|&fraction| fraction > 0.0) || (sum - 1.0).abs() > 1e-6 {
        return Err(Error::Split(format!("fractions {fractions:?} are not above 0 with a sum of 1")));
    }
    if u32::try_from(count).is_err() {
        return Err(Error::Split(format!("{count} are more than 32 bits can count")));
    }
    let exact = shares(count, fractions);
    let mut sizes = exact.map(|exact| exact as usize);
    let mut by_remainder: Vec<usize> = (0..P).collect();
    by_remainder.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()));
    let left = count.saturating_sub(sizes.iter().sum());
    by_remainder.iter().take(left).for_each(|&part| sizes[part] += 1);
    Ok(sizes)
}

/// Exact shares of `count`, even if the fractions' sum is not quite 1.
fn shares<const P: usize>(count: usize, fractions: [f64; P]) -> [f64; P] {
    let sum: f64 = fractions.iter().sum();
    fractions.map(|fraction| count as f64 * fraction / sum)
}

/// Consecutive pieces of these sizes.
fn cut<T: Clone, const P: usize>(items: &[T], sizes: [usize; P]) -> [Vec<T>; P] {
    let mut rest = items;
    sizes.map(|size| {
        let (piece, after) = rest.split_at(size);
        rest = after;
        piece.to_vec()
    })
}

fn finish<const P: usize>(mut parts: [Vec<usize>; P]) -> Result<[Vec<usize>; P]> {
    if let Some(part) = parts.iter().position(Vec::is_empty) {
        return Err(Error::Split(format!("part {part} of {P} is empty; use more rows or a larger fraction")));
    }
    parts.iter_mut().for_each(|part| part.sort_unstable());
    Ok(parts)
}
