//! Gaussian models with few hidden factors, learned by expectation maximisation.

use std::f64::consts::TAU;

use faer::linalg::solvers::{Llt, Solve};
use faer::{Mat, MatRef, Side};

/// The covariance of the noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorNoise {
    /// One variance for all features: probabilistic PCA.
    Isotropic,
    /// A variance for each feature: factor analysis.
    Diagonal,
}

/// `x = W z + mean + noise` with `D` features and `K` standard normal factors `z`: data with covariance `W W^T + diag(noise)`. Factor
/// analysis (Rubin and Thayer 1982) or, with isotropic noise, probabilistic PCA (Tipping and Bishop 1999). The data enter only through
/// their [`sample_covariance`].
///
/// ```
/// use methods::unsupervised::{FactorAnalysis, FactorNoise};
/// // One factor in two features with equal noise: the variances are 5 and 2 along the axes (1, 1) and (1, -1).
/// let covariance = [3.5, 1.5, 1.5, 3.5];
/// let mut model = FactorAnalysis::new(vec![1.0, 0.5], 1, 1.0, FactorNoise::Isotropic);
/// let before = model.log_likelihood(&covariance);
/// for _ in 0..200 {
///     model.step(&covariance);
/// }
/// assert!(model.log_likelihood(&covariance) > before);
/// // Tipping and Bishop, equations 14 and 15: W = sqrt(5 - 2) along the first axis, and a noise variance of 2.
/// assert!((model.noise()[0] - 2.0).abs() < 1e-6 && (model.loadings()[0] - 1.5f64.sqrt()).abs() < 1e-6);
/// ```
#[derive(Clone, Debug)]
pub struct FactorAnalysis {
    /// `[D, K]`, row by row.
    loadings: Vec<f64>,
    /// `[D]`
    noise: Vec<f64>,
    kind: FactorNoise,
}

/// Lower bound of the noise variances.
const LEAST_NOISE: f64 = 1e-9;

impl FactorAnalysis {
    /// A model with initial `loadings [D, factors]`, row by row, and noise of variance `noise` in all features. Loadings of 0 stay 0.
    ///
    /// # Panics
    /// When the loadings are not rows of `factors`, or `noise` is not positive.
    #[track_caller]
    pub fn new(loadings: Vec<f64>, factors: usize, noise: f64, kind: FactorNoise) -> FactorAnalysis {
        let fits = factors > 0 && !loadings.is_empty() && loadings.len().is_multiple_of(factors);
        assert!(fits, "FactorAnalysis: {} loadings of {factors} factors", loadings.len());
        assert!(noise > 0.0, "FactorAnalysis: noise {noise}");
        let features = loadings.len() / factors;
        FactorAnalysis { loadings, noise: vec![noise; features], kind }
    }

    /// `W [D, K]`, row by row; determined up to a rotation of the factors.
    pub fn loadings(&self) -> &[f64] {
        &self.loadings
    }

    /// The noise variances `[D]`.
    pub fn noise(&self) -> &[f64] {
        &self.noise
    }

    /// `W W^T + diag(noise)`, `[D, D]`.
    pub fn covariance(&self) -> Vec<f64> {
        row_major(&self.model())
    }

    fn w(&self) -> MatRef<'_, f64> {
        let features = self.noise.len();
        MatRef::from_row_major_slice(&self.loadings, features, self.loadings.len() / features)
    }

    fn model(&self) -> Mat<f64> {
        let mut model = self.w() * self.w().transpose();
        let diagonal = model.diagonal_mut().column_vector_mut();
        diagonal.iter_mut().zip(&self.noise).for_each(|(v, noise)| *v += noise);
        model
    }

    fn factor(&self) -> Llt<f64> {
        self.model().llt(Side::Lower).expect("noise is above 0")
    }

    /// The mean log-likelihood per sample, in nats, of data with this covariance `[D, D]` (and the maximum-likelihood mean).
    ///
    /// # Panics
    /// When the covariance has another size.
    #[track_caller]
    pub fn log_likelihood(&self, covariance: &[f64]) -> f64 {
        let sample = self.square(covariance);
        let (factor, features) = (self.factor(), self.noise.len() as f64);
        let distance: f64 = factor.solve(sample).diagonal().column_vector().sum();
        -0.5 * (features * TAU.ln() + log_det(&factor) + distance)
    }

    /// The posterior mean factors `[N, K]` given centred points `[N, D]`: `W^T (W W^T + diag(noise))^-1 x`.
    ///
    /// # Panics
    /// When the points are not rows of `D`.
    #[track_caller]
    pub fn factors(&self, centred: &[f64]) -> Vec<f64> {
        let features = self.noise.len();
        assert!(centred.len().is_multiple_of(features), "FactorAnalysis: points of {features} features");
        let points = MatRef::from_row_major_slice(centred, centred.len() / features, features);
        row_major(&(points * self.factor().solve(self.w())))
    }

    /// One step of expectation maximisation on data with this covariance `[D, D]`; the likelihood does not fall.
    ///
    /// # Panics
    /// When the covariance has another size.
    #[track_caller]
    pub fn step(&mut self, covariance: &[f64]) {
        let sample = self.square(covariance);
        // Given a point, the factors have mean beta x and covariance I - beta W.
        let solved = self.factor().solve(self.w());
        let beta = solved.transpose();
        let cross = sample * &solved;
        let second = Mat::<f64>::identity(beta.nrows(), beta.nrows()) + beta * &cross - beta * self.w();
        let factor = second.llt(Side::Lower).expect("second moments of the factors, with noise");
        let loadings = factor.solve(cross.transpose()).transpose().to_owned();
        let explained = &loadings * cross.transpose();
        let rest = |i: usize| (sample[(i, i)] - explained[(i, i)]).max(LEAST_NOISE);
        let features = self.noise.len();
        self.noise = (0..features).map(rest).collect();
        if self.kind == FactorNoise::Isotropic {
            self.noise = vec![self.noise.iter().sum::<f64>() / features as f64; features];
        }
        self.loadings = row_major(&loadings);
    }

    #[track_caller]
    fn square<'a>(&self, covariance: &'a [f64]) -> MatRef<'a, f64> {
        let features = self.noise.len();
        assert_eq!(
            covariance.len(),
            features * features,
            "FactorAnalysis: a covariance of {features} features"
        );
        MatRef::from_row_major_slice(covariance, features, features)
    }
}

/// A matrix's values, row by row.
pub(super) fn row_major(a: &Mat<f64>) -> Vec<f64> {
    a.row_iter().flat_map(|row| row.iter().copied()).collect()
}

/// The log determinant of the factorised matrix.
pub(super) fn log_det(factor: &Llt<f64>) -> f64 {
    factor.L().diagonal().column_vector().iter().map(|l| 2.0 * l.ln()).sum()
}

/// The means `[D]` and covariance `[D, D]` of points `[N, D]`, row by row, with the divisor `N` of maximum likelihood.
///
/// ```
/// use methods::unsupervised::sample_covariance;
/// let (mean, covariance) = sample_covariance(&[1.0, 0.0, 3.0, 2.0], 2);
/// assert_eq!((mean, covariance), (vec![2.0, 1.0], vec![1.0; 4]));
/// ```
///
/// # Panics
/// When the points are not rows of `width`, or there are none.
#[track_caller]
pub fn sample_covariance(points: &[f64], width: usize) -> (Vec<f64>, Vec<f64>) {
    let fits = width > 0 && !points.is_empty() && points.len().is_multiple_of(width);
    assert!(fits, "sample_covariance: {} numbers in rows of {width}", points.len());
    let count = (points.len() / width) as f64;
    let mean: Vec<f64> =
        (0..width).map(|j| points.iter().skip(j).step_by(width).sum::<f64>() / count).collect();
    let mut sums = vec![0.0; width * width];
    for point in points.chunks(width) {
        for i in 0..width {
            for j in 0..width {
                sums[i * width + j] += (point[i] - mean[i]) * (point[j] - mean[j]);
            }
        }
    }
    (mean, sums.iter().map(|sum| sum / count).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COVARIANCE: [f64; 9] = [4.0, 1.0, 0.5, 1.0, 2.0, -0.3, 0.5, -0.3, 1.0];

    #[test]
    fn the_likelihood_never_falls() {
        for kind in [FactorNoise::Isotropic, FactorNoise::Diagonal] {
            let mut model = FactorAnalysis::new(vec![0.3, -0.2, 0.5], 1, 0.7, kind);
            let mut before = model.log_likelihood(&COVARIANCE);
            for _ in 0..100 {
                model.step(&COVARIANCE);
                let after = model.log_likelihood(&COVARIANCE);
                assert!(after >= before - 1e-13, "{kind:?}: {before} to {after}");
                before = after;
            }
        }
    }

    #[test]
    fn three_features_have_one_factor_exactly() {
        // Three covariances are products of three loadings: w0^2 = c01 c02 / c12 and so on.
        let truth = [1.0, 0.8, -0.6];
        let at = |i: usize, j: usize| truth[i] * truth[j] + if i == j { 0.2 * (i + 1) as f64 } else { 0.0 };
        let covariance = row_major(&Mat::from_fn(3, 3, at));
        let mut model = FactorAnalysis::new(vec![0.5, 0.5, -0.5], 1, 1.0, FactorNoise::Diagonal);
        (0..3000).for_each(|_| model.step(&covariance));
        assert!(model.loadings().iter().zip(truth).all(|(w, t)| (w - t).abs() < 1e-6), "{model:?}");
        assert!(model.noise().iter().zip([0.2, 0.4, 0.6]).all(|(n, t)| (n - t).abs() < 1e-6));
    }

    #[test]
    fn factors_are_those_of_the_posterior() {
        let model = FactorAnalysis::new(vec![2.0], 1, 1.0, FactorNoise::Diagonal);
        // W / (W^2 + noise) x
        assert!((model.factors(&[5.0])[0] - 2.0).abs() < 1e-12);
        // log N(x; 0, 5) of data with variance 3
        let expected = -0.5 * (TAU.ln() + 5f64.ln() + 3.0 / 5.0);
        assert!((model.log_likelihood(&[3.0]) - expected).abs() < 1e-12);
    }
}
