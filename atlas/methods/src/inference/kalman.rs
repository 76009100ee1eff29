//! Filters of linear models with normal noise: the Kalman filter (1960), and the smoother of Rauch, Tung and Striebel (1965).

use std::f64::consts::TAU;

use faer::linalg::solvers::{Llt, Solve};
use faer::{Col, ColRef, Mat, MatRef, Side};

/// A normal distribution of `S` variables.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gaussian<const S: usize> {
    /// The mean of each variable.
    pub mean: [f64; S],
    /// The symmetric covariance matrix.
    pub covariance: [[f64; S]; S],
}

impl<const S: usize> Gaussian<S> {
    /// The distribution after a linear map `transition`, with the new `mean` given and `noise` added. For an extended Kalman filter, `mean`
    /// is the image of the mean under a function, and `transition` the Jacobian of that function at the mean.
    pub fn predict(&self, mean: [f64; S], transition: &[[f64; S]; S], noise: &[[f64; S]; S]) -> Gaussian<S> {
        let [transition, covariance, noise] = [transition, &self.covariance, noise].map(matrix);
        Gaussian { mean, covariance: array(&(transition * covariance * transition.transpose() + noise)) }
    }

    /// The distribution given an observation that differs from its expected value by `innovation`, and the log-density of the observation.
    /// `observation` is the matrix from states to observations, or its Jacobian at the mean.
    ///
    /// # Panics
    /// When the covariance of the observation is not positive definite.
    #[track_caller]
    pub fn update<const O: usize>(
        &self,
        innovation: [f64; O],
        observation: &[[f64; S]; O],
        noise: &[[f64; O]; O],
    ) -> (Gaussian<S>, f64) {
        let (observation, noise, before) = (matrix(observation), matrix(noise), matrix(&self.covariance));
        let innovation = ColRef::from_slice(&innovation);
        let cross = observation * before;
        let expected = factor((&cross * observation.transpose() + noise).as_ref());
        let gain = expected.solve(&cross).transpose().to_owned();
        // Joseph's form, which stays symmetric and positive definite.
        let kept = Mat::<f64>::identity(S, S) - &gain * observation;
        let covariance = &kept * before * kept.transpose() + &gain * noise * gain.transpose();
        let distance = innovation.transpose() * expected.solve(innovation);
        let log_det: f64 = expected.L().diagonal().column_vector().iter().map(|l| 2.0 * l.ln()).sum();
        let state = Gaussian { mean: added(&self.mean, &gain * innovation), covariance: array(&covariance) };
        (state, -0.5 * (distance + log_det + O as f64 * TAU.ln()))
    }
}

fn matrix<const R: usize, const C: usize>(a: &[[f64; C]; R]) -> MatRef<'_, f64> {
    MatRef::from_row_major_array(a)
}

fn array<const R: usize, const C: usize>(a: &Mat<f64>) -> [[f64; C]; R] {
    std::array::from_fn(|i| std::array::from_fn(|j| a[(i, j)]))
}

fn added<const S: usize>(mean: &[f64; S], correction: Col<f64>) -> [f64; S] {
    std::array::from_fn(|i| mean[i] + correction[i])
}

#[track_caller]
fn factor(covariance: MatRef<'_, f64>) -> Llt<f64> {
    covariance.llt(Side::Lower).expect("a covariance is positive definite")
}

/// A hidden state with linear dynamics and normal noise, observed through a linear map with normal noise:
/// `x[t+1] = transition x[t] + N(0, transition_noise)`, `y[t] = observation x[t] + N(0, observation_noise)`.
///
/// ```
/// use methods::inference::{Gaussian, LinearGaussian};
/// // A constant, measured twice: the posterior is that of Bayes' rule.
/// let model = LinearGaussian {
///     transition: [[1.0]],
///     transition_noise: [[0.0]],
///     observation: [[1.0]],
///     observation_noise: [[1.0]],
///     start: Gaussian { mean: [0.0], covariance: [[1.0]] },
/// };
/// let filtered = model.filter(&[[3.0], [3.0]]);
/// assert!((filtered.states[0].mean[0] - 1.5).abs() < 1e-12);
/// assert!((filtered.states[1].mean[0] - 2.0).abs() < 1e-12);
/// assert!((model.smooth(&filtered)[0].covariance[0][0] - 1.0 / 3.0).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LinearGaussian<const S: usize, const O: usize> {
    /// Matrix `[S, S]` from a state to the next.
    pub transition: [[f64; S]; S],
    /// Covariance `[S, S]` of what is added to the next state.
    pub transition_noise: [[f64; S]; S],
    /// Matrix `[O, S]` from a state to its observation.
    pub observation: [[f64; S]; O],
    /// Covariance `[O, O]` of what is added to an observation.
    pub observation_noise: [[f64; O]; O],
    /// The state at the first observation.
    pub start: Gaussian<S>,
}

/// The result of a Kalman filter on a time series.
#[derive(Clone, Debug)]
pub struct Filtered<const S: usize> {
    /// The state at each time, given the observations before it.
    pub predicted: Vec<Gaussian<S>>,
    /// The state at each time, given the observations so far.
    pub states: Vec<Gaussian<S>>,
    /// The log-density of the observations.
    pub log_likelihood: f64,
}

impl<const S: usize, const O: usize> LinearGaussian<S, O> {
    /// # Panics
    /// When the covariance of an observation is not positive definite.
    #[track_caller]
    pub fn filter(&self, observations: &[[f64; O]]) -> Filtered<S> {
        let mut filtered = Filtered { predicted: vec![], states: vec![], log_likelihood: 0.0 };
        let mut predicted = self.start;
        let (observation, transition) = (matrix(&self.observation), matrix(&self.transition));
        for y in observations {
            let expected = observation * ColRef::from_slice(&predicted.mean);
            let innovation = std::array::from_fn(|i| y[i] - expected[i]);
            let (state, log_density) =
                predicted.update(innovation, &self.observation, &self.observation_noise);
            filtered.predicted.push(predicted);
            filtered.states.push(state);
            filtered.log_likelihood += log_density;
            let moved = transition * ColRef::from_slice(&state.mean);
            let moved = std::array::from_fn(|i| moved[i]);
            predicted = state.predict(moved, &self.transition, &self.transition_noise);
        }
        filtered
    }

    /// The state at each time, given all observations.
    ///
    /// # Panics
    /// When a predicted covariance is not positive definite.
    #[track_caller]
    pub fn smooth(&self, filtered: &Filtered<S>) -> Vec<Gaussian<S>> {
        let mut smoothed = filtered.states.clone();
        for t in (0..smoothed.len().saturating_sub(1)).rev() {
            let (state, predicted, next) = (filtered.states[t], filtered.predicted[t + 1], smoothed[t + 1]);
            let [before, expected, after] =
                [&state, &predicted, &next].map(|at| (ColRef::from_slice(&at.mean), matrix(&at.covariance)));
            let moved = matrix(&self.transition) * before.1;
            let gain = factor(expected.1).solve(moved).transpose().to_owned();
            smoothed[t] = Gaussian {
                mean: added(&state.mean, &gain * (after.0 - expected.0)),
                covariance: array(&(before.1 + &gain * (after.1 - expected.1) * gain.transpose())),
            };
        }
        smoothed
    }
}
