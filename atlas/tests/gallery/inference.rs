studies! {
    annealed_importance,
    bayesian_nn,
    belief_propagation,
    expectation_propagation,
    filters,
    mcmc: gpu,
    monte_carlo,
    variational: gpu,
}
