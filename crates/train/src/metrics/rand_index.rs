//! Agreement of two clusterings.

use std::collections::HashMap;

/// The adjusted Rand index of two labellings of the same points (Hubert and Arabie 1985, `sklearn.metrics.adjusted_rand_score`): the share of
/// pairs on which they agree, corrected for chance. 1 for the same clusters up to relabelling, about 0 for independent ones.
///
/// ```
/// use train::metrics::adjusted_rand_index;
/// assert_eq!(adjusted_rand_index(&[0, 0, 1, 1], &[5, 5, 2, 2]), 1.0);
/// assert!((adjusted_rand_index(&[0, 0, 1, 2], &[0, 0, 1, 1]) - 4.0 / 7.0).abs() < 1e-12);
/// assert!((adjusted_rand_index(&[0, 0, 1, 1], &[0, 1, 0, 1]) + 0.5).abs() < 1e-12);
/// ```
///
/// # Panics
/// When their lengths differ.
#[track_caller]
pub fn adjusted_rand_index(a: &[u32], b: &[u32]) -> f64 {
    assert!(a.len() == b.len(), "adjusted_rand_index: labels of as many points");
    let pairs = |counts: HashMap<(u32, u32), u64>| -> f64 {
        counts.into_values().map(|n| n as f64 * (n as f64 - 1.0) / 2.0).sum()
    };
    let counted = |name: &dyn Fn(usize) -> (u32, u32)| {
        let mut counts = HashMap::new();
        (0..a.len()).for_each(|i| *counts.entry(name(i)).or_default() += 1);
        pairs(counts)
    };
    let (both, in_a, in_b) = (counted(&|i| (a[i], b[i])), counted(&|i| (a[i], 0)), counted(&|i| (0, b[i])));
    let all = counted(&|_| (0, 0));
    let (expected, most) = (in_a * in_b / all.max(1.0), (in_a + in_b) / 2.0);
    if most == expected { 1.0 } else { (both - expected) / (most - expected) }
}
