studies! {
    gan,
    dcgan,
    conditional_gan,
    feature_matching,
    pix2pix,
    cyclegan,
    flow: gpu,
    autoregressive_flow,
    neural_ode,
    diffusion,
    score_matching,
    energy_model,
}
