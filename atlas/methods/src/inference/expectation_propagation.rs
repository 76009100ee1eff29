//! Expectation propagation (Minka 2001).

use std::f64::consts::TAU;

use super::normal_cdf;

/// The moments of one likelihood term times a normal distribution of its argument.
#[derive(Clone, Copy, Debug)]
pub struct Tilted {
    /// The logarithm of the integral of the product.
    pub log_mass: f64,
    /// Mean of the normalised product.
    pub mean: f64,
    /// Variance of the normalised product.
    pub variance: f64,
}

/// The moments of `Phi(sign * s)`, the likelihood of probit regression, times `N(mean, variance)` of `s` (Rasmussen and Williams
/// 2006, section 3.9).
///
/// ```
/// use methods::inference::probit_moments;
/// let tilted = probit_moments(1.0, 0.0, 1.0);
/// assert!((tilted.log_mass - 0.5f64.ln()).abs() < 1e-12);
/// assert!((tilted.mean - 1.0 / std::f64::consts::PI.sqrt()).abs() < 1e-12);
/// ```
pub fn probit_moments(sign: f64, mean: f64, variance: f64) -> Tilted {
    let scale = (1.0 + variance).sqrt();
    let z = sign * mean / scale;
    let mass = normal_cdf(z).max(f64::MIN_POSITIVE);
    let slope = (-0.5 * z * z).exp() / TAU.sqrt() / mass;
    Tilted {
        log_mass: mass.ln(),
        mean: mean + sign * variance * slope / scale,
        variance: variance - variance * variance * slope * (z + slope) / (1.0 + variance),
    }
}

/// A posterior `N(x; 0, prior) * product of t_i(a_i . x)` whose terms each depend on one direction `a_i`, approximated by a normal
/// distribution: each term is replaced by `exp(-precision s^2 / 2 + shift s)` with `s = a_i . x`, such that putting the exact term back
/// would not change the mean and variance of `s`.
///
/// ```
/// use methods::inference::{ExpectationPropagation, probit_moments};
/// // One probit term is matched exactly.
/// let mut ep = ExpectationPropagation::new(vec![vec![1.0]]);
/// ep.term(vec![1.0], |mean, variance| probit_moments(1.0, mean, variance));
/// ep.run(10, 1e-12);
/// assert!((ep.mean()[0] - 1.0 / std::f64::consts::PI.sqrt()).abs() < 1e-12);
/// assert!((ep.log_evidence() - 0.5f64.ln()).abs() < 1e-12);
/// ```
pub struct ExpectationPropagation<'a> {
    terms: Vec<Term<'a>>,
    covariance: Vec<Vec<f64>>,
    /// The precision times the mean.
    shift: Vec<f64>,
    /// The log determinant of the covariance relative to that of the prior.
    log_det: f64,
}

struct Term<'a> {
    direction: Vec<f64>,
    moments: Box<dyn Fn(f64, f64) -> Tilted + 'a>,
    precision: f64,
    shift: f64,
    /// The log of the scale at which the approximation has the mass of the term.
    log_scale: f64,
}

impl<'a> ExpectationPropagation<'a> {
    /// Starts from a prior of mean 0.
    ///
    /// # Panics
    /// When the covariance is not square.
    #[track_caller]
    pub fn new(prior: Vec<Vec<f64>>) -> ExpectationPropagation<'a> {
        let dims = prior.len();
        assert!(
            prior.iter().all(|row| row.len() == dims),
            "ExpectationPropagation: a prior that is not square"
        );
        ExpectationPropagation { terms: vec![], covariance: prior, shift: vec![0.0; dims], log_det: 0.0 }
    }

    /// Adds a term `t(direction . x)`: `moments(mean, variance)` are those of `t(s) N(s; mean, variance)`.
    ///
    /// # Panics
    /// When the direction and the prior have different dimensions.
    #[track_caller]
    pub fn term(&mut self, direction: Vec<f64>, moments: impl Fn(f64, f64) -> Tilted + 'a) {
        assert_eq!(direction.len(), self.shift.len(), "ExpectationPropagation: dimensions of a term");
        let moments = Box::new(moments);
        self.terms.push(Term { direction, moments, precision: 0.0, shift: 0.0, log_scale: 0.0 });
    }

    /// Refines all terms, in at most `sweeps` sweeps, until no precision or shift changes by more than `tolerance`. Returns the number of
    /// sweeps, or `None` if they were not enough.
    pub fn run(&mut self, sweeps: usize, tolerance: f64) -> Option<usize> {
        (1..=sweeps).find(|_| (0..self.terms.len()).map(|i| self.refine(i)).fold(0.0, f64::max) <= tolerance)
    }

    /// Updates the approximation of one term; returns the size of the change.
    fn refine(&mut self, i: usize) -> f64 {
        let term = &self.terms[i];
        let spread = multiply(&self.covariance, &term.direction);
        let variance = dot(&spread, &term.direction);
        let mean = dot(&spread, &self.shift);
        // The cavity: the approximation without the term. If its variance is not positive, the term is left unchanged.
        let cavity = 1.0 / variance - term.precision;
        if cavity <= 0.0 {
            return 0.0;
        }
        let (cavity_mean, cavity_variance) = ((mean / variance - term.shift) / cavity, 1.0 / cavity);
        let tilted = (term.moments)(cavity_mean, cavity_variance);
        let precision = 1.0 / tilted.variance - cavity;
        let shift = tilted.mean / tilted.variance - cavity_mean * cavity;
        let (by, turn) = (precision - term.precision, shift - term.shift);
        let shrink = 1.0 + by * variance;
        let exponent = 0.5
            * ((shift + cavity_mean * cavity).powi(2) / (precision + cavity) - cavity_mean.powi(2) * cavity);
        let term = &mut self.terms[i];
        (term.precision, term.shift) = (precision, shift);
        term.log_scale = tilted.log_mass + 0.5 * (1.0 + precision * cavity_variance).ln() - exponent;
        for (row, a) in self.covariance.iter_mut().zip(&spread) {
            row.iter_mut().zip(&spread).for_each(|(c, b)| *c -= by / shrink * a * b);
        }
        self.shift.iter_mut().zip(&term.direction).for_each(|(h, a)| *h += turn * a);
        self.log_det -= shrink.ln();
        by.abs().max(turn.abs())
    }

    /// The approximation's mean `[D]`.
    pub fn mean(&self) -> Vec<f64> {
        multiply(&self.covariance, &self.shift)
    }

    /// The approximation's covariance `[D][D]`.
    pub fn covariance(&self) -> &[Vec<f64>] {
        &self.covariance
    }

    /// The approximate log evidence: the logarithm of the posterior's normalising constant.
    pub fn log_evidence(&self) -> f64 {
        let scales: f64 = self.terms.iter().map(|term| term.log_scale).sum();
        scales + 0.5 * (self.log_det + dot(&self.shift, &self.mean()))
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn multiply(matrix: &[Vec<f64>], x: &[f64]) -> Vec<f64> {
    matrix.iter().map(|row| dot(row, x)).collect()
}
