use atlas::Study;

mod autoregressive_flow;
mod conditional_gan;
mod cyclegan;
mod dcgan;
mod diffusion;
mod digit_diffusion;
mod energy_model;
mod feature_matching;
mod flow;
mod gan;
mod image_energy;
mod image_flow;
mod neural_ode;
mod pix2pix;
mod score_matching;
mod srgan;
mod stylegan;

pub const STUDIES: &[&Study] = &[
    &gan::STUDY,
    &dcgan::STUDY,
    &conditional_gan::STUDY,
    &feature_matching::STUDY,
    &pix2pix::STUDY,
    &cyclegan::STUDY,
    &srgan::STUDY,
    &stylegan::STUDY,
    &flow::STUDY,
    &autoregressive_flow::STUDY,
    &image_flow::STUDY,
    &neural_ode::STUDY,
    &diffusion::STUDY,
    &digit_diffusion::STUDY,
    &score_matching::STUDY,
    &energy_model::STUDY,
    &image_energy::STUDY,
];
