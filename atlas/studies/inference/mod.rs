use atlas::Study;

mod annealed_importance;
mod bayesian_nn;
mod belief_propagation;
mod expectation_propagation;
mod filters;
mod hidden_markov;
mod mcmc;
mod monte_carlo;
mod variable_elimination;
mod variational;

pub const STUDIES: &[&Study] = &[
    &annealed_importance::STUDY,
    &bayesian_nn::STUDY,
    &belief_propagation::STUDY,
    &expectation_propagation::STUDY,
    &filters::STUDY,
    &hidden_markov::STUDY,
    &mcmc::STUDY,
    &monte_carlo::STUDY,
    &variable_elimination::STUDY,
    &variational::STUDY,
];
