// The programs are modules here; their `main` is not called.
#![allow(dead_code)]

use studies::Study;

#[path = "../../../../../examples/inference/annealed_importance.rs"]
mod annealed_importance;
#[path = "../../../../../examples/inference/bayesian_nn.rs"]
mod bayesian_nn;
#[path = "../../../../../examples/inference/belief_propagation.rs"]
mod belief_propagation;
#[path = "../../../../../examples/inference/expectation_propagation.rs"]
mod expectation_propagation;
#[path = "../../../../../examples/inference/filters.rs"]
mod filters;
#[path = "../../../../../examples/inference/mcmc.rs"]
mod mcmc;
#[path = "../../../../../examples/inference/monte_carlo.rs"]
mod monte_carlo;
#[path = "../../../../../examples/inference/variational.rs"]
mod variational;

pub const STUDIES: &[&Study] = &[
    &annealed_importance::STUDY,
    &bayesian_nn::STUDY,
    &belief_propagation::STUDY,
    &expectation_propagation::STUDY,
    &filters::STUDY,
    &mcmc::STUDY,
    &monte_carlo::STUDY,
    &variational::STUDY,
];
