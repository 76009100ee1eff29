//! Inference in probabilistic models: sampling, message passing, and variational approximations.
//!
//! | What | Here |
//! |---|---|
//! | Markov chains | [`Metropolis`], [`Gibbs`], [`Hmc`], [`Thinned`], run by [`sample`] into [`Chains`] |
//! | weighted samples | [`Importance`], [`annealed_importance`] |
//! | message passing | [`FactorGraph`]: sum-product and max-product; [`HiddenMarkov`]: forward-backward, Viterbi, Baum-Welch |
//! | Bayesian networks | [`Table`], [`eliminate`] |
//! | variational inference | [`MeanField`] by gradients, [`MixtureCavi`] by coordinate ascent |
//! | moments | [`ExpectationPropagation`] |
//! | time series | [`LinearGaussian`]: Kalman filter and smoother, [`particle_filter`] |
//!
//! Samplers work on tensors whose first dimension is that of chains or particles: hundreds take little longer than one. Exact algorithms
//! work on the host, in f64. `train::metrics::r_hat` tells whether chains have converged.

mod annealed;
mod chains;
mod expectation_propagation;
mod factor_graph;
mod gibbs;
mod hidden_markov;
mod hmc;
mod importance;
mod kalman;
mod mean_field;
mod metropolis;
mod mixture_cavi;
mod normal_cdf;
mod particle_filter;
mod step_size;
mod variable_elimination;

pub use annealed::annealed_importance;
pub use chains::{Chains, Thinned, Transition, sample};
pub use expectation_propagation::{ExpectationPropagation, Tilted, probit_moments};
pub use factor_graph::{BeliefPropagation, Beliefs, FactorGraph};
pub use gibbs::Gibbs;
pub use hidden_markov::{HiddenMarkov, Smoothed};
pub use hmc::Hmc;
pub use importance::Importance;
pub use kalman::{Filtered, Gaussian, LinearGaussian};
pub use mean_field::MeanField;
pub use metropolis::Metropolis;
pub use mixture_cavi::MixtureCavi;
pub use normal_cdf::normal_cdf;
pub use particle_filter::{Track, particle_filter};
pub use step_size::StepSize;
pub use variable_elimination::{Table, eliminate};
