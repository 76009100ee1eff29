//! The distance of two normal distributions, as which samples are taken.

/// The Fréchet distance of samples `a [n, width]` and `b [m, width]`, row by row: `|mean a - mean b|^2 + tr(A + B - 2 (A B)^(1/2))` for
/// covariances `A` and `B` (Dowson and Landau 1982). Of the features of an Inception network it is the FID of generated images (Heusel
/// et al. 2017). Covariances are divided by the numbers of rows less one.
///
/// ```
/// use train::metrics::frechet_distance;
/// // Means 0 and 3, deviations sqrt(2) and 2 sqrt(2).
/// let found = frechet_distance(&[-1.0, 1.0], &[1.0, 5.0], 1);
/// assert!((found - (9.0 + 2.0)).abs() < 1e-12);
/// ```
///
/// # Panics
/// When a sample has fewer than two rows, or is not made of rows.
#[track_caller]
pub fn frechet_distance(a: &[f32], b: &[f32], width: usize) -> f64 {
    let ((mean_a, cov_a), (mean_b, cov_b)) = (moments(a, width), moments(b, width));
    let apart: f64 = mean_a.iter().zip(&mean_b).map(|(a, b)| (a - b) * (a - b)).sum();
    let trace = |c: &[f64]| (0..width).map(|i| c[i * width + i]).sum::<f64>();
    // A B = L L^T B has the eigenvalues of the symmetric L^T B L.
    let l = factor(&cov_a, width);
    let product = |a: &dyn Fn(usize, usize) -> f64, b: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
        let at = |i: usize| (i / width, i % width);
        (0..width * width).map(at).map(|(i, j)| (0..width).map(|k| a(i, k) * b(k, j)).sum()).collect()
    };
    let right = product(&|i, k| cov_b[i * width + k], &|k, j| l[k * width + j]);
    let both = product(&|i, k| l[k * width + i], &|k, j| right[k * width + j]);
    let root: f64 = eigenvalues(both, width).into_iter().map(|value| value.max(0.0).sqrt()).sum();
    apart + trace(&cov_a) + trace(&cov_b) - 2.0 * root
}

/// Mean and covariance of rows.
#[track_caller]
fn moments(sample: &[f32], width: usize) -> (Vec<f64>, Vec<f64>) {
    let whole = width > 0 && sample.len().is_multiple_of(width) && sample.len() >= 2 * width;
    assert!(whole, "frechet_distance: {} numbers in rows of {width}", sample.len());
    let rows = sample.len() / width;
    let mut mean = vec![0.0; width];
    for row in sample.chunks(width) {
        mean.iter_mut().zip(row).for_each(|(m, &x)| *m += f64::from(x) / rows as f64);
    }
    let mut covariance = vec![0.0; width * width];
    for row in sample.chunks(width) {
        let off: Vec<f64> = row.iter().zip(&mean).map(|(&x, m)| f64::from(x) - m).collect();
        for (i, x) in off.iter().enumerate() {
            let sums = &mut covariance[i * width..][..width];
            sums.iter_mut().zip(&off).for_each(|(sum, y)| *sum += x * y / (rows - 1) as f64);
        }
    }
    (mean, covariance)
}

/// `L` with `A = L L^T`, lower triangular, of a matrix that may be singular.
fn factor(a: &[f64], n: usize) -> Vec<f64> {
    let largest = (0..n).map(|i| a[i * n + i]).fold(0.0, f64::max);
    let mut l = vec![0.0; n * n];
    for j in 0..n {
        let rest =
            |l: &[f64], i: usize| a[i * n + j] - (0..j).map(|k| l[i * n + k] * l[j * n + k]).sum::<f64>();
        let pivot = rest(&l, j);
        if pivot > 1e-12 * largest {
            for i in j..n {
                l[i * n + j] = rest(&l, i) / pivot.sqrt();
            }
        }
    }
    l
}

/// The eigenvalues of a symmetric matrix, by Jacobi's rotations.
fn eigenvalues(mut a: Vec<f64>, n: usize) -> Vec<f64> {
    let size: f64 = a.iter().map(|x| x * x).sum();
    for _ in 0..60 {
        let off: f64 = (0..n * n).filter(|i| i / n != i % n).map(|i| a[i] * a[i]).sum();
        if off <= 1e-24 * size {
            break;
        }
        for (p, q) in (0..n).flat_map(|p| (p + 1..n).map(move |q| (p, q))) {
            rotate(&mut a, n, p, q);
        }
    }
    (0..n).map(|i| a[i * n + i]).collect()
}

/// The rotation of two dimensions after which their entry is 0.
fn rotate(a: &mut [f64], n: usize, p: usize, q: usize) {
    if a[p * n + q] == 0.0 {
        return;
    }
    let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * a[p * n + q]);
    let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let (cos, sin) = (1.0 / t.hypot(1.0), t / t.hypot(1.0));
    for k in 0..n {
        let (x, y) = (a[k * n + p], a[k * n + q]);
        (a[k * n + p], a[k * n + q]) = (cos * x - sin * y, sin * x + cos * y);
    }
    for k in 0..n {
        let (x, y) = (a[p * n + k], a[q * n + k]);
        (a[p * n + k], a[q * n + k]) = (cos * x - sin * y, sin * x + cos * y);
    }
}

#[cfg(test)]
mod tests {
    use super::{eigenvalues, frechet_distance};

    #[test]
    fn known_eigenvalues() {
        // Of the path of four nodes: 2 - 2 cos(k pi / 5).
        let a = [2.0, -1.0, 0.0, 0.0, -1.0, 2.0, -1.0, 0.0, 0.0, -1.0, 2.0, -1.0, 0.0, 0.0, -1.0, 2.0];
        let mut found = eigenvalues(a.to_vec(), 4);
        found.sort_by(f64::total_cmp);
        for (k, value) in found.into_iter().enumerate() {
            let want = 2.0 - 2.0 * ((k + 1) as f64 * std::f64::consts::PI / 5.0).cos();
            assert!((value - want).abs() < 1e-12, "{value}, not {want}");
        }
    }

    /// Commuting covariances: the distance is that of the roots. A constant third column is no obstacle.
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
}
