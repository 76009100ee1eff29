//! Which modes of a known distribution a model's samples cover.

/// See [`mode_coverage`].
#[derive(Debug, Clone, PartialEq)]
pub struct ModeCoverage {
    /// Samples near each mode.
    pub counts: Vec<usize>,
    /// Modes with at least a quarter of their fair share of the samples near them.
    pub covered: usize,
    /// The share of samples that are near any mode.
    pub near: f64,
}

/// How samples `[n, width]` spread over the modes at `centres [k, width]`, both in row-major order: a sample counts for the closest
/// centre if it is within `radius`, usually three standard deviations (Srivastava et al. 2017, section 4.1, where one such sample is
/// enough to cover a mode).
///
/// ```
/// use train::metrics::mode_coverage;
/// let found = mode_coverage(&[0.1, -0.2, 0.0, 4.9, 2.5], 1, &[0.0, 5.0, 9.0], 0.5);
/// assert_eq!(found.counts, [3, 1, 0]);
/// assert_eq!((found.covered, found.near), (2, 0.8));
/// ```
///
/// # Panics
/// When there are no samples or centres, or not a whole number of rows.
#[track_caller]
pub fn mode_coverage(samples: &[f32], width: usize, centres: &[f32], radius: f64) -> ModeCoverage {
    for rows in [samples, centres] {
        let whole = width > 0 && !rows.is_empty() && rows.len().is_multiple_of(width);
        assert!(whole, "mode_coverage: {} numbers in rows of {width}", rows.len());
    }
    let distance = |x: &[f32], y: &[f32]| -> f64 {
        x.iter().zip(y).map(|(x, y)| f64::from(x - y).powi(2)).sum::<f64>().sqrt()
    };
    let mut counts = vec![0; centres.len() / width];
    for sample in samples.chunks(width) {
        let distances = centres.chunks(width).map(|centre| distance(sample, centre)).enumerate();
        if let Some((mode, _)) = distances.min_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, d)| *d <= radius) {
            counts[mode] += 1;
        }
    }
    let total = samples.len() / width;
    let covered = counts.iter().filter(|&&count| 4 * count * counts.len() >= total).count();
    let near = counts.iter().sum::<usize>() as f64 / total as f64;
    ModeCoverage { counts, covered, near }
}
