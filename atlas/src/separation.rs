//! How well scores tell two sets apart.

use wgrad::train::metrics;

/// The area under the ROC curve of two sets: the share of pairs in which the one of `high` has the higher score than the one of `low`.
///
/// ```
/// assert_eq!(atlas::separation(&[0.35, 0.8], &[0.1, 0.4]), 0.75);
/// ```
pub fn separation(high: &[f32], low: &[f32]) -> f64 {
    let positive: Vec<bool> = (0..high.len() + low.len()).map(|i| i < high.len()).collect();
    metrics::roc_auc(&positive, &[high, low].concat())
}
