//! Coordinate-ascent variational inference (Bishop 2006, chapter 10).

use std::f64::consts::TAU;

/// The posterior of a mixture of `K` isotropic normal distributions of known variance and equal weight, whose means have the prior `N(0,
/// prior_variance)` in each dimension, approximated by independent means and assignments (Blei, Kucukelbir and McAuliffe 2017, "Variational
/// inference: a review for statisticians", section 3).
///
/// ```
/// use methods::inference::MixtureCavi;
/// let points = [[-3.1], [-2.9], [3.0], [3.2]];
/// let mut cavi = MixtureCavi::new(vec![[-1.0], [1.0]], 0.1, 100.0);
/// let bounds: Vec<f64> = (0..20).map(|_| cavi.update(&points)).collect();
/// assert!(bounds.is_sorted());
/// assert!((cavi.means[1][0] - 3.1).abs() < 0.01);
/// ```
#[derive(Clone, Debug)]
pub struct MixtureCavi<const D: usize> {
    /// The posterior means of the component means.
    pub means: Vec<[f64; D]>,
    /// The posterior variance of each component mean, the same in all dimensions.
    pub variances: Vec<f64>,
    /// The probability of each component, for each point of the last update.
    pub responsibilities: Vec<Vec<f64>>,
    noise: f64,
    prior_variance: f64,
}

impl<const D: usize> MixtureCavi<D> {
    /// Starts from given means; `noise` is the variance of points around their component's mean.
    pub fn new(means: Vec<[f64; D]>, noise: f64, prior_variance: f64) -> MixtureCavi<D> {
        let variances = vec![0.0; means.len()];
        MixtureCavi { means, variances, responsibilities: vec![], noise, prior_variance }
    }

    /// One update of all assignments, then of all means. Returns the evidence lower bound, which never falls.
    pub fn update(&mut self, points: &[[f64; D]]) -> f64 {
        self.responsibilities = points.iter().map(|x| self.membership(x)).collect();
        for k in 0..self.means.len() {
            let (mut count, mut sum) = (0.0, [0.0; D]);
            for (x, r) in points.iter().zip(&self.responsibilities) {
                count += r[k];
                (0..D).for_each(|d| sum[d] += r[k] * x[d]);
            }
            let precision = 1.0 / self.prior_variance + count / self.noise;
            self.variances[k] = 1.0 / precision;
            self.means[k] = sum.map(|s| s / self.noise / precision);
        }
        self.elbo(points)
    }

    /// The expected squared distance of a point from a component's mean.
    fn distance(&self, x: &[f64; D], k: usize) -> f64 {
        let squares = x.iter().zip(&self.means[k]).map(|(x, m)| (x - m).powi(2));
        squares.sum::<f64>() + D as f64 * self.variances[k]
    }

    fn membership(&self, x: &[f64; D]) -> Vec<f64> {
        let scores: Vec<f64> =
            (0..self.means.len()).map(|k| -0.5 * self.distance(x, k) / self.noise).collect();
        let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = scores.iter().map(|s| (s - highest).exp()).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|w| w / sum).collect()
    }

    fn elbo(&self, points: &[[f64; D]]) -> f64 {
        let (dims, components) = (D as f64, self.means.len() as f64);
        let of_mean = |k: usize| {
            let square = self.distance(&[0.0; D], k) / self.prior_variance;
            0.5 * (dims * (1.0 + (self.variances[k] / self.prior_variance).ln()) - square)
        };
        let of_point = |(x, r): (&[f64; D], &Vec<f64>)| {
            let term = |k: usize| {
                let log_density = -0.5 * (self.distance(x, k) / self.noise + dims * (TAU * self.noise).ln());
                r[k] * (log_density - components.ln() - r[k].max(f64::MIN_POSITIVE).ln())
            };
            (0..r.len()).map(term).sum::<f64>()
        };
        (0..self.means.len()).map(of_mean).sum::<f64>()
            + points.iter().zip(&self.responsibilities).map(of_point).sum::<f64>()
    }
}
