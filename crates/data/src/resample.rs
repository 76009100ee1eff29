//! Classes of different sizes: weights for the loss, and lists of rows with equally many of each class.

use std::collections::BTreeMap;

use crate::draws::{Draws, Use};
use crate::error::{Error, Result};
use crate::split::members;

/// Weights `[classes]` that give every class the same share of the loss: `n / (k n_c)` for a class with `n_c` of the `n` labels,
/// as scikit-learn's `compute_class_weight("balanced")` (King and Zeng 2001).
///
/// ```
/// assert_eq!(data::class_weights(&[0, 0, 0, 1], 2)?, [2.0 / 3.0, 2.0]);
/// # Ok::<(), data::Error>(())
/// ```
///
/// # Errors
/// [`Error::Sampler`] if a class has no label, or a label no class.
pub fn class_weights(labels: &[u32], classes: usize) -> Result<Vec<f32>> {
    let counts = class_counts(labels);
    if let Some((label, _)) = counts.last_key_value().filter(|(label, _)| **label as usize >= classes) {
        return Err(Error::Sampler(format!("label {label} is not below {classes}")));
    }
    let weight = |class: usize| match counts.get(&(class as u32)) {
        Some(&count) => Ok((labels.len() as f64 / (classes as f64 * count as f64)) as f32),
        None => Err(Error::Sampler(format!("class {class} has no labels"))),
    };
    (0..classes).map(weight).collect()
}

/// All rows, followed by rows of the smaller classes, drawn with replacement until each class is as large as the largest.
///
/// ```
/// let rows = data::over_sample(&[0, 0, 0, 1, 1], 42);
/// assert_eq!(rows[..5], [0, 1, 2, 3, 4]);
/// assert!(rows.len() == 6 && rows[5] >= 3);
/// ```
pub fn over_sample(labels: &[u32], seed: u64) -> Vec<usize> {
    let classes = members(labels);
    let most = classes.iter().map(Vec::len).max().unwrap_or(0);
    let mut draws = Draws::stream(seed, Use::Resample, 0, 0);
    let mut rows: Vec<usize> = (0..labels.len()).collect();
    for class in &classes {
        rows.extend((class.len()..most).map(|_| class[draws.below(class.len() as u32) as usize]));
    }
    rows
}

/// As many rows of each class as the smallest has, drawn without replacement; ascending.
///
/// ```
/// let rows = data::under_sample(&[0, 0, 0, 1, 1], 42);
/// assert_eq!(rows.len(), 4);
/// assert_eq!(rows[2..], [3, 4]);
/// ```
pub fn under_sample(labels: &[u32], seed: u64) -> Vec<usize> {
    let mut classes = members(labels);
    let least = classes.iter().map(Vec::len).min().unwrap_or(0);
    let mut draws = Draws::stream(seed, Use::Resample, 1, 0);
    for class in &mut classes {
        draws.shuffle(class);
        class.truncate(least);
    }
    let mut rows = classes.concat();
    rows.sort_unstable();
    rows
}

/// How many rows each label has.
pub(crate) fn class_counts(labels: &[u32]) -> BTreeMap<u32, usize> {
    let mut counts = BTreeMap::new();
    labels.iter().for_each(|&label| *counts.entry(label).or_default() += 1);
    counts
}
