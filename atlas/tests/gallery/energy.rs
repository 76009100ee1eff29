studies! {
    boltzmann,
    deep_belief,
    hopfield,
    ising: gpu,
    rbm,
}
