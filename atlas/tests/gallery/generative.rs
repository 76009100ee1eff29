studies! {
    gan,
    dcgan,
    conditional_gan,
    cyclegan,
    flow: gpu,
    autoregressive_flow,
    neural_ode,
    diffusion,
    score_matching,
    energy_model,
}
