studies! {
    annealed_importance,
    bayesian_nn,
    belief_propagation,
    expectation_propagation,
    filters,
    hidden_markov,
    mcmc: gpu,
    monte_carlo,
    variable_elimination,
    variational: gpu,
}
