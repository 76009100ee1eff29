//! The Fréchet distance between normal distributions fitted to samples.

use faer::Mat;

/// The Fréchet distance between normal distributions fitted to the rows of samples `a [n, width]` and `b [m, width]`:
/// `|mean a - mean b|^2 + tr(A + B - 2 (A B)^(1/2))` for their covariances `A` and `B` (Dowson and Landau 1982), which have the divisors
/// `n - 1` and `m - 1`. Applied to features of an Inception network, it is the FID of generated images (Heusel et al. 2017). Computed in
/// double precision; NaN when a number is not finite.
///
/// ```
/// use linalg::frechet_distance;
/// // Means 0 and 3, deviations sqrt(2) and 2 sqrt(2).
/// let found = frechet_distance(&[-1.0, 1.0], &[1.0, 5.0], 1);
/// assert!((found - (9.0 + 2.0)).abs() < 1e-12);
/// ```
///
/// # Panics
/// When a sample has fewer than two rows, or is not a whole number of rows.
#[doc(alias = "FrechetInceptionDistance")]
#[track_caller]
pub fn frechet_distance(a: &[f32], b: &[f32], width: usize) -> f64 {
    let [(mean_a, a), (mean_b, b)] = [a, b].map(|sample| moments(sample, width));
    let apart: f64 = mean_a.iter().zip(&mean_b).map(|(a, b)| (a - b) * (a - b)).sum();
    // With A = R^T R and B = S^T S, the eigenvalues of A B are the squares of the singular values of R S^T.
    let root = (&a * b.transpose()).singular_values().map_or(f64::NAN, |values| values.iter().sum());
    apart + a.squared_norm_l2() + b.squared_norm_l2() - 2.0 * root
}

/// The least number of rows that are factorised together: block by block, memory does not grow with the sample.
const BLOCK: usize = 4096;

/// The mean `[width]` of the rows, and `R` of at most `width` rows, where `R^T R` is their covariance.
#[track_caller]
fn moments(sample: &[f32], width: usize) -> (Vec<f64>, Mat<f64>) {
    let whole = width > 0 && sample.len().is_multiple_of(width) && sample.len() >= 2 * width;
    assert!(whole, "frechet_distance: {} numbers in rows of {width}", sample.len());
    let rows = sample.len() / width;
    let mut mean = vec![0.0; width];
    for row in sample.chunks(width) {
        mean.iter_mut().zip(row).for_each(|(m, &x)| *m += f64::from(x) / rows as f64);
    }
    let scale = ((rows - 1) as f64).sqrt().recip();
    let mut root: Mat<f64> = Mat::zeros(0, width);
    for block in sample.chunks(BLOCK.max(4 * width) * width) {
        // The factor so far stands in for the rows of earlier blocks.
        let known = root.nrows();
        let at = |i: usize, j: usize| match i.checked_sub(known) {
            None => root[(i, j)],
            Some(row) => (f64::from(block[row * width + j]) - mean[j]) * scale,
        };
        root = Mat::from_fn(known + block.len() / width, width, at).qr().thin_R().to_owned();
    }
    (mean, root)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When covariances commute, the distance is that of their square roots. A constant third column does no harm.
    #[test]
    fn scaled_and_moved() {
        let a: Vec<f32> = [[1.0, 2.0], [-1.0, 0.5], [3.0, -2.0], [0.0, 0.0]]
            .iter()
            .flat_map(|r| [r[0], r[1], 7.0])
            .collect();
        let b: Vec<f32> = a.chunks(3).flat_map(|r| [2.0 * r[0] + 1.0, 2.0 * r[1], 7.0]).collect();
        assert!(frechet_distance(&a, &a, 3).abs() < 1e-9);
        let mean = [0.75, 0.125];
        let variance =
            |j: usize| (0..4).map(|i| (f64::from(a[3 * i + j]) - mean[j]).powi(2)).sum::<f64>() / 3.0;
        let apart = (mean[0] + 1.0f64).powi(2) + mean[1] * mean[1];
        let want = apart + variance(0) + variance(1);
        assert!((frechet_distance(&a, &b, 3) - want).abs() < 1e-9);
    }

    /// Checks against singular values of the samples' products; also with fewer rows than columns, and with more rows than a block.
    #[test]
    fn distances_are_numpys() {
        let sample = |rows: usize, width: usize, factor: usize, shift: usize| -> Vec<f32> {
            let at = |i: usize| ((i * i * factor + i * 7 + shift) % 101) as f32 / 50.0 - 1.0;
            (0..rows * width).map(at).collect()
        };
        for (n, m, width, want) in [
            (7, 9, 5, 1.3181912048942),
            (3, 4, 5, 4.37524778857453),
            (BLOCK + 904, BLOCK + 1904, 3, 0.0421846017230831),
        ] {
            let found = frechet_distance(&sample(n, width, 31, 5), &sample(m, width, 17, 3), width);
            assert!((found - want).abs() < 1e-10, "{found}, not {want}");
        }
        assert!(frechet_distance(&[0.0, f32::NAN], &[0.0, 1.0], 1).is_nan());
    }
}
