//! Regression by a Gaussian process with a Matern 5/2 kernel (Rasmussen and Williams 2006, algorithm 2.1 and equation 5.9).

use crate::cholesky::{Cholesky, dot};

/// `k(x, x') = variance (1 + s + s^2 / 3) e^-s` with `s = sqrt(5) |(x - x') / lengths|`, plus `noise` on the diagonal: as
/// scikit-learn's `ConstantKernel(variance) * Matern(lengths, nu=2.5)` with `alpha=noise`.
#[derive(Clone, Debug, PartialEq)]
pub struct Matern {
    /// The function's variance.
    pub variance: f64,
    /// A length scale for each group of coordinates; the longer, the less the group matters.
    pub lengths: Vec<f64>,
    /// The variance of the noise of observations.
    pub noise: f64,
}

impl Matern {
    /// Squared distance by group of coordinates over the squared length, summed; `groups[c]` is the group of coordinate `c`.
    fn squared(&self, a: &[f64], b: &[f64], groups: &[usize]) -> f64 {
        let term = |((a, b), &g): ((&f64, &f64), &usize)| ((a - b) / self.lengths[g]).powi(2);
        a.iter().zip(b).zip(groups).map(term).sum()
    }

    fn covariance(&self, a: &[f64], b: &[f64], groups: &[usize]) -> f64 {
        let s = (5.0 * self.squared(a, b, groups)).sqrt();
        self.variance * (1.0 + s + s * s / 3.0) * (-s).exp()
    }
}

/// The posterior of a function of points `[n, columns]` whose prior has mean 0.
///
/// ```
/// use search::{GaussianProcess, Matern};
/// let kernel = Matern { variance: 1.0, lengths: vec![0.5], noise: 1e-6 };
/// let process = GaussianProcess::new(vec![vec![0.0], vec![1.0]], vec![-1.0, 1.0], vec![0], kernel).unwrap();
/// let (mean, deviation) = process.predict(&[1.0]);
/// assert!((mean - 1.0).abs() < 1e-5 && deviation < 1e-2);
/// let (mean, deviation) = process.predict(&[0.5]);
/// assert!(mean.abs() < 1e-9 && deviation > 0.3);
/// ```
pub struct GaussianProcess {
    x: Vec<Vec<f64>>,
    y: Vec<f64>,
    groups: Vec<usize>,
    kernel: Matern,
    factor: Cholesky,
    /// `K^-1 y`.
    alpha: Vec<f64>,
}

impl GaussianProcess {
    /// The posterior given `y[i]` at `x[i]`. Coordinate `c` of points has the length scale `kernel.lengths[groups[c]]`. `None` if
    /// the covariance is not positive definite to working precision: more noise helps.
    pub fn new(x: Vec<Vec<f64>>, y: Vec<f64>, groups: Vec<usize>, kernel: Matern) -> Option<GaussianProcess> {
        let n = x.len();
        let mut covariance = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                covariance[i * n + j] = kernel.covariance(&x[i], &x[j], &groups);
            }
            covariance[i * n + i] += kernel.noise;
        }
        let factor = Cholesky::new(n, covariance)?;
        let mut alpha = y.clone();
        factor.solve(&mut alpha);
        Some(GaussianProcess { x, y, groups, kernel, factor, alpha })
    }

    /// The posterior with the kernel of the largest marginal likelihood found from a few starts, by resilient propagation
    /// (Riedmiller and Braun 1993) over the parameters' logarithms. `y` should have mean 0 and variance 1, and points lie in the
    /// unit cube. Time grows with the cube of the number of points.
    pub fn fit(x: &[Vec<f64>], y: &[f64], groups: &[usize]) -> GaussianProcess {
        let lengths = groups.iter().max().map_or(0, |&g| g + 1);
        let climbed = STARTS.map(|length| {
            let mut start = vec![length.ln(); lengths + 2];
            (start[0], start[lengths + 1]) = (0.0, 1e-3f64.ln());
            climb(x, y, groups, start)
        });
        let best = climbed.into_iter().flatten().max_by(|a, b| a.1.total_cmp(&b.1));
        best.expect("the most noise makes every covariance definite").0
    }

    /// Mean and standard deviation of the function, without noise, at a point.
    pub fn predict(&self, point: &[f64]) -> (f64, f64) {
        let mut k: Vec<f64> = self.x.iter().map(|x| self.kernel.covariance(x, point, &self.groups)).collect();
        let mean = dot(&k, &self.alpha);
        self.factor.forward(&mut k);
        (mean, (self.kernel.variance - dot(&k, &k)).max(0.0).sqrt())
    }

    /// The logarithm of the marginal likelihood of the observations.
    pub fn log_likelihood(&self) -> f64 {
        let n = self.y.len() as f64;
        -0.5 * (dot(&self.y, &self.alpha) + self.factor.log_determinant() + n * std::f64::consts::TAU.ln())
    }

    /// The gradient of [`log_likelihood`](Self::log_likelihood) with respect to the logarithms of the variance, of each length, and of
    /// the noise.
    pub fn log_likelihood_gradient(&self) -> Vec<f64> {
        let (n, lengths) = (self.y.len(), self.kernel.lengths.len());
        let mut gradient = vec![0.0; lengths + 2];
        let inverse = self.factor.inverse();
        for i in 0..n {
            for j in 0..=i {
                // Half the trace of (alpha alpha^T - K^-1) dK; entries off the diagonal count twice.
                let twice = if i == j { 0.5 } else { 1.0 };
                let weight = twice * (self.alpha[i] * self.alpha[j] - inverse[i * n + j]);
                let (a, b) = (&self.x[i], &self.x[j]);
                let s = (5.0 * self.kernel.squared(a, b, &self.groups)).sqrt();
                let decay = self.kernel.variance * (-s).exp();
                gradient[0] += weight * decay * (1.0 + s + s * s / 3.0);
                for (c, &g) in self.groups.iter().enumerate() {
                    let part = ((a[c] - b[c]) / self.kernel.lengths[g]).powi(2);
                    gradient[1 + g] += weight * decay * (5.0 / 3.0) * (1.0 + s) * part;
                }
                if i == j {
                    gradient[lengths + 1] += weight * self.kernel.noise;
                }
            }
        }
        gradient
    }

    /// The kernel, as given or fitted.
    pub fn kernel(&self) -> &Matern {
        &self.kernel
    }

    /// The posterior after one more observation, with the same kernel.
    pub(super) fn with(mut self, point: Vec<f64>, y: f64) -> Option<GaussianProcess> {
        self.x.push(point);
        self.y.push(y);
        GaussianProcess::new(self.x, self.y, self.groups, self.kernel)
    }
}

/// Length scales that the search for the best kernel starts from.
const STARTS: [f64; 3] = [0.1, 0.4, 1.5];

const CLIMB_STEPS: usize = 80;

/// Bounds of the kernel's parameters, for points in the unit cube and observations of variance 1.
const VARIANCE: (f64, f64) = (0.05, 50.0);
const LENGTH: (f64, f64) = (0.02, 50.0);
const NOISE: (f64, f64) = (1e-8, 1.0);

/// Maximises the likelihood from logarithms of the kernel's parameters; returns the best posterior met, and its log-likelihood.
fn climb(x: &[Vec<f64>], y: &[f64], groups: &[usize], start: Vec<f64>) -> Option<(GaussianProcess, f64)> {
    let count = start.len();
    let bounds = |i: usize| {
        let (low, high) = if i == 0 {
            VARIANCE
        } else if i + 1 == count {
            NOISE
        } else {
            LENGTH
        };
        (low.ln(), high.ln())
    };
    let (mut at, mut steps, mut before) = (start, vec![0.2; count], vec![0.0; count]);
    let mut best: Option<(GaussianProcess, f64)> = None;
    for _ in 0..CLIMB_STEPS {
        let kernel = Matern {
            variance: at[0].exp(),
            lengths: at[1..count - 1].iter().map(|l| l.exp()).collect(),
            noise: at[count - 1].exp(),
        };
        let Some(process) = GaussianProcess::new(x.to_vec(), y.to_vec(), groups.to_vec(), kernel) else {
            // Too little noise for points that lie close together.
            at[count - 1] += 2.0;
            continue;
        };
        let gradient = process.log_likelihood_gradient();
        for i in 0..count {
            let turn = gradient[i] * before[i];
            let factor: f64 = if turn > 0.0 {
                1.2
            } else if turn < 0.0 {
                0.5
            } else {
                1.0
            };
            steps[i] = f64::clamp(steps[i] * factor, 1e-6, 1.0);
            // After a change of sign, the gradient is ignored once, so that the next step is not shortened again.
            before[i] = if turn < 0.0 { 0.0 } else { gradient[i] };
            let (low, high) = bounds(i);
            at[i] = (at[i] + steps[i] * before[i].signum() * f64::from(before[i] != 0.0)).clamp(low, high);
        }
        let likelihood = process.log_likelihood();
        if best.as_ref().is_none_or(|(_, most)| likelihood > *most) {
            best = Some((process, likelihood));
        }
        if steps.iter().all(|&s| s < 1e-3) {
            break;
        }
    }
    best
}
