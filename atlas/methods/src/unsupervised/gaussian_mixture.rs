//! Mixtures of normal distributions with full covariances, learned by expectation maximisation.

use std::f64::consts::TAU;

use faer::linalg::solvers::Llt;
use faer::{Mat, MatRef, Side};

use super::factor_analysis::{log_det, row_major, sample_covariance};

/// A mixture of `K` normal distributions of `D` features (Dempster, Laird and Rubin 1977; Bishop 2006, section 9.2).
///
/// ```
/// use methods::unsupervised::GaussianMixture;
/// let points = [0.0, 1.0, 2.0, 10.0, 11.0, 12.0];
/// let mut mixture = GaussianMixture::from_labels(&points, 1, &[0, 0, 1, 1, 1, 1], 2);
/// let first = mixture.step(&points);
/// (0..20).for_each(|_| { mixture.step(&points); });
/// assert!(mixture.step(&points) > first);
/// assert_eq!(mixture.predict(&points), [0, 0, 0, 1, 1, 1]);
/// assert!((mixture.means[1] - 11.0).abs() < 1e-9 && (mixture.covariances[1] - 2.0 / 3.0).abs() < 1e-9);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct GaussianMixture {
    /// `[K]`, summing to 1.
    pub weights: Vec<f64>,
    /// `[K, D]`
    pub means: Vec<f64>,
    /// `[K, D, D]`
    pub covariances: Vec<f64>,
}

/// Covariances whose Cholesky factor has a squared diagonal element below this get it added to their diagonal, so that no component
/// collapses onto a point.
const LEAST_VARIANCE: f64 = 1e-6;

impl GaussianMixture {
    /// The M-step: the most likely mixture for points `[N, width]` with responsibilities `shares [N, K]`. A component without points gets
    /// the mean and covariance of all points.
    ///
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    pub fn from_responsibilities(points: &[f64], width: usize, shares: &[f64], k: usize) -> GaussianMixture {
        let count = rows(points, width);
        assert_eq!(shares.len(), count * k, "GaussianMixture: shares of {count} points in {k} components");
        let (all_mean, all) = sample_covariance(points, width);
        let mut mixture = GaussianMixture { weights: Vec::new(), means: Vec::new(), covariances: Vec::new() };
        for component in 0..k {
            let weighted = || points.chunks(width).zip(shares.iter().skip(component).step_by(k));
            let total: f64 = weighted().map(|(_, share)| share).sum();
            mixture.weights.push(total / count as f64);
            if total < LEAST_VARIANCE {
                mixture.means.extend(&all_mean);
                mixture.covariances.extend(&all);
                continue;
            }
            let mean: Vec<f64> =
                (0..width).map(|j| weighted().map(|(x, share)| share * x[j]).sum::<f64>() / total).collect();
            let at = |i: usize, j: usize| {
                weighted().map(|(x, share)| share * (x[i] - mean[i]) * (x[j] - mean[j])).sum::<f64>() / total
            };
            mixture.covariances.extend(row_major(&spread(Mat::from_fn(width, width, at))));
            mixture.means.extend(mean);
        }
        mixture
    }

    /// The mixture of points `[N, width]` with cluster labels `[N]`, such as those of k-means.
    ///
    /// # Panics
    /// When the shapes do not fit, or a label is not below `k`.
    #[track_caller]
    pub fn from_labels(points: &[f64], width: usize, labels: &[u32], k: usize) -> GaussianMixture {
        let mut shares = vec![0.0; labels.len() * k];
        for (row, &label) in shares.chunks_mut(k).zip(labels) {
            row[label as usize] = 1.0;
        }
        GaussianMixture::from_responsibilities(points, width, &shares, k)
    }

    fn width(&self) -> usize {
        self.means.len() / self.weights.len()
    }

    /// The log joint density `[N, K]` of points `[N, D]` and components.
    fn log_joint(&self, points: &[f64]) -> Vec<f64> {
        let (count, k, d) = (rows(points, self.width()), self.weights.len(), self.width());
        let mut logs = vec![0.0; count * k];
        for component in 0..k {
            let covariance =
                MatRef::from_row_major_slice(&self.covariances[component * d * d..][..d * d], d, d);
            let factor = covariance.llt(Side::Lower).expect("made positive definite");
            let constant = self.weights[component].ln() - 0.5 * (d as f64 * TAU.ln() + log_det(&factor));
            let mean = &self.means[component * d..][..d];
            let mut offsets = Mat::from_fn(d, count, |j, i| points[i * d + j] - mean[j]);
            factor.L().solve_lower_triangular_in_place(&mut offsets);
            for (offset, row) in offsets.col_iter().zip(logs.chunks_mut(k)) {
                row[component] = constant - 0.5 * offset.squared_norm_l2();
            }
        }
        logs
    }

    /// The E-step: the responsibilities `[N, K]` of the components for points `[N, D]`, and the mean log-likelihood in nats.
    ///
    /// # Panics
    /// When the points are not rows of `D`.
    #[track_caller]
    pub fn responsibilities(&self, points: &[f64]) -> (Vec<f64>, f64) {
        let k = self.weights.len();
        let mut logs = self.log_joint(points);
        let mut sum = 0.0;
        for row in logs.chunks_mut(k) {
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let log = largest + row.iter().map(|v| (v - largest).exp()).sum::<f64>().ln();
            row.iter_mut().for_each(|v| *v = (*v - log).exp());
            sum += log;
        }
        (logs, sum / rows(points, self.width()) as f64)
    }

    /// One step of expectation maximisation on points `[N, D]`, which never lowers their likelihood (unless a covariance had to be
    /// enlarged). Returns the mean log-likelihood before the step.
    ///
    /// # Panics
    /// When the points are not rows of `D`.
    #[track_caller]
    pub fn step(&mut self, points: &[f64]) -> f64 {
        let (shares, log_likelihood) = self.responsibilities(points);
        *self = GaussianMixture::from_responsibilities(points, self.width(), &shares, self.weights.len());
        log_likelihood
    }

    /// The most probable component `[N]` of each of the points `[N, D]`.
    ///
    /// # Panics
    /// When the points are not rows of `D`.
    #[track_caller]
    pub fn predict(&self, points: &[f64]) -> Vec<u32> {
        let best = |row: &[f64]| (0..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
        self.responsibilities(points).0.chunks(self.weights.len()).map(|row| best(row) as u32).collect()
    }
}

#[track_caller]
fn rows(points: &[f64], width: usize) -> usize {
    let fits = width > 0 && !points.is_empty() && points.len().is_multiple_of(width);
    assert!(fits, "GaussianMixture: {} numbers in rows of {width}", points.len());
    points.len() / width
}

fn spread(mut covariance: Mat<f64>) -> Mat<f64> {
    let wide = |factor: Llt<f64>| {
        let diagonal = factor.L().diagonal();
        diagonal.column_vector().iter().all(|l| l * l > LEAST_VARIANCE)
    };
    if !covariance.llt(Side::Lower).is_ok_and(wide) {
        covariance.diagonal_mut().column_vector_mut().iter_mut().for_each(|v| *v += LEAST_VARIANCE);
    }
    covariance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_component_is_the_sample() {
        let points = [1.0, 0.0, 3.0, 2.0, 0.0, 5.0];
        let mut mixture = GaussianMixture::from_labels(&points, 2, &[0, 0, 0], 1);
        let (mean, covariance) = sample_covariance(&points, 2);
        assert_eq!((&mixture.means, &mixture.covariances), (&mean, &covariance));
        // The mean log-likelihood of a sample under its own normal distribution: -(D log(2 pi e) + log det) / 2.
        let det = covariance[0] * covariance[3] - covariance[1] * covariance[2];
        let expected = -0.5 * (2.0 * (TAU.ln() + 1.0) + det.ln());
        assert!((mixture.step(&points) - expected).abs() < 1e-12);
        assert!(mixture.means.iter().zip(mean).all(|(a, b)| (a - b).abs() < 1e-12));
    }

    #[test]
    fn a_component_on_one_point_keeps_a_width() {
        let points = [0.0, 5.0, 5.0, 6.0];
        let mut mixture = GaussianMixture::from_labels(&points, 1, &[0, 1, 1, 1], 2);
        (0..50).for_each(|_| {
            mixture.step(&points);
        });
        assert!(mixture.covariances.iter().all(|&c| c >= LEAST_VARIANCE), "{mixture:?}");
        assert!((mixture.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}
