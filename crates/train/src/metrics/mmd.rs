//! The distance between two distributions that are known only by samples.

/// The squared maximum mean discrepancy of samples `a [n, width]` and `b [m, width]` in row-major order, under the sum of the Gaussian
/// kernels `exp(-|x - y|^2 / (2 s^2))` for `s` in `bandwidths`: the unbiased estimate over all pairs (Gretton et al. 2012, equation 3).
/// Its expectation is 0 for samples of one distribution, so that it may be negative.
///
/// ```
/// use train::metrics::mmd_squared;
/// let found = mmd_squared(&[0.0, 2.0], &[1.0, 3.0], 1, &[1.0]);
/// let k = |distance: f64| (-0.5 * distance * distance).exp();
/// let between = (k(1.0) + k(3.0) + k(1.0) + k(1.0)) / 4.0;
/// assert!((found - (k(2.0) + k(2.0) - 2.0 * between)).abs() < 1e-12);
/// ```
///
/// # Panics
/// When a sample has fewer than two rows, or not a whole number of rows.
#[track_caller]
pub fn mmd_squared(a: &[f32], b: &[f32], width: usize, bandwidths: &[f64]) -> f64 {
    for sample in [a, b] {
        let whole = width > 0 && sample.len().is_multiple_of(width) && sample.len() >= 2 * width;
        assert!(whole, "mmd_squared: {} numbers in rows of {width}", sample.len());
    }
    let rates: Vec<f64> = bandwidths.iter().map(|s| -0.5 / (s * s)).collect();
    let kernel = |x: &[f32], y: &[f32]| -> f64 {
        let squared: f64 = x.iter().zip(y).map(|(x, y)| f64::from(x - y).powi(2)).sum();
        rates.iter().map(|rate| (rate * squared).exp()).sum()
    };
    let within = |sample: &[f32]| {
        let rows: Vec<&[f32]> = sample.chunks(width).collect();
        let pairs = rows.iter().enumerate().map(|(i, x)| rows[..i].iter().map(|y| kernel(x, y)).sum::<f64>());
        2.0 * pairs.sum::<f64>() / (rows.len() * (rows.len() - 1)) as f64
    };
    let rows_of = |x: &[f32]| b.chunks(width).map(|y| kernel(x, y)).sum::<f64>();
    let between: f64 = a.chunks(width).map(rows_of).sum();
    let pairs = (a.len() / width * (b.len() / width)) as f64;
    within(a) + within(b) - 2.0 * between / pairs
}
