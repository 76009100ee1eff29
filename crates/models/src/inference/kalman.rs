//! Filters of linear models with normal noise: Kalman's (1960), and the smoother of Rauch, Tung and Striebel (1965).

use std::f64::consts::TAU;

use super::small::{Matrix, apply, cholesky, plus, product, solve, transpose};

/// A normal distribution of `S` variables.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gaussian<const S: usize> {
    pub mean: [f64; S],
    pub covariance: [[f64; S]; S],
}

impl<const S: usize> Gaussian<S> {
    /// Where it goes under a linear map to `mean` with noise added. Of an extended Kalman filter, `mean` is the image of the mean
    /// under a function, and `transition` the function's Jacobian there.
    pub fn predict(&self, mean: [f64; S], transition: &Matrix<S, S>, noise: &Matrix<S, S>) -> Gaussian<S> {
        let moved = product(&product(transition, &self.covariance), &transpose(transition));
        Gaussian { mean, covariance: plus(&moved, noise, 1.0) }
    }

    /// The distribution given an observation that is `innovation` away from what was expected of the mean, and the logarithm of the
    /// observation's density. `observation` is the map from states to observations, or its Jacobian at the mean.
    ///
    /// # Panics
    /// When the covariance of the observation is not positive definite.
    #[track_caller]
    pub fn update<const O: usize>(
        &self,
        innovation: [f64; O],
        observation: &Matrix<O, S>,
        noise: &Matrix<O, O>,
    ) -> (Gaussian<S>, f64) {
        let cross = product(observation, &self.covariance);
        let expected = cholesky(&plus(&product(&cross, &transpose(observation)), noise, 1.0));
        let gain = transpose(&solve(&expected, &cross));
        let correction = apply(&gain, &innovation);
        let mean = std::array::from_fn(|i| self.mean[i] + correction[i]);
        // Joseph's form, which stays symmetric and positive.
        let identity = std::array::from_fn(|i| std::array::from_fn(|j| f64::from(i == j)));
        let kept: Matrix<S, S> = plus(&identity, &product(&gain, observation), -1.0);
        let covariance = plus(
            &product(&product(&kept, &self.covariance), &transpose(&kept)),
            &product(&product(&gain, noise), &transpose(&gain)),
            1.0,
        );
        let whitened = solve(&expected, &innovation.map(|x| [x]));
        let distance: f64 = innovation.iter().zip(whitened).map(|(x, [w])| x * w).sum();
        let log_det: f64 = (0..O).map(|i| 2.0 * expected[i][i].ln()).sum();
        (Gaussian { mean, covariance }, -0.5 * (distance + log_det + O as f64 * TAU.ln()))
    }
}

/// A hidden state that moves linearly with normal noise, seen through a linear map with normal noise:
/// `x[t+1] = transition x[t] + N(0, transition_noise)`, `y[t] = observation x[t] + N(0, observation_noise)`.
///
/// ```
/// use models::inference::{Gaussian, LinearGaussian};
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
    pub transition: [[f64; S]; S],
    pub transition_noise: [[f64; S]; S],
    pub observation: [[f64; S]; O],
    pub observation_noise: [[f64; O]; O],
    /// The state at the first observation.
    pub start: Gaussian<S>,
}

/// What a Kalman filter says of a time series.
#[derive(Clone, Debug)]
pub struct Filtered<const S: usize> {
    /// The state at each time, given the observations before it.
    pub predicted: Vec<Gaussian<S>>,
    /// The state at each time, given the observations so far.
    pub states: Vec<Gaussian<S>>,
    /// The logarithm of the observations' density.
    pub log_likelihood: f64,
}

impl<const S: usize, const O: usize> LinearGaussian<S, O> {
    /// # Panics
    /// When the covariance of an observation is not positive definite.
    #[track_caller]
    pub fn filter(&self, observations: &[[f64; O]]) -> Filtered<S> {
        let mut filtered = Filtered { predicted: vec![], states: vec![], log_likelihood: 0.0 };
        let mut predicted = self.start;
        for y in observations {
            let expected = apply(&self.observation, &predicted.mean);
            let innovation = std::array::from_fn(|i| y[i] - expected[i]);
            let (state, log_density) =
                predicted.update(innovation, &self.observation, &self.observation_noise);
            filtered.predicted.push(predicted);
            filtered.states.push(state);
            filtered.log_likelihood += log_density;
            let moved = apply(&self.transition, &state.mean);
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
            let moved = product(&self.transition, &state.covariance);
            let gain = transpose(&solve(&cholesky(&predicted.covariance), &moved));
            let surprise: [f64; S] = std::array::from_fn(|i| next.mean[i] - predicted.mean[i]);
            let correction = apply(&gain, &surprise);
            let change = plus(&next.covariance, &predicted.covariance, -1.0);
            smoothed[t] = Gaussian {
                mean: std::array::from_fn(|i| state.mean[i] + correction[i]),
                covariance: plus(
                    &state.covariance,
                    &product(&product(&gain, &change), &transpose(&gain)),
                    1.0,
                ),
            };
        }
        smoothed
    }
}
