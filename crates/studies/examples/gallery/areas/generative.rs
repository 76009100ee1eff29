// The programs are modules here; their `main` is not called.
#![allow(dead_code)]

use studies::Study;

#[path = "../../../../../examples/generative/autoregressive_flow.rs"]
mod autoregressive_flow;
#[path = "../../../../../examples/generative/conditional_gan.rs"]
mod conditional_gan;
#[path = "../../../../../examples/generative/cyclegan.rs"]
mod cyclegan;
#[path = "../../../../../examples/generative/dcgan.rs"]
mod dcgan;
#[path = "../../../../../examples/generative/diffusion.rs"]
mod diffusion;
#[path = "../../../../../examples/generative/energy_model.rs"]
mod energy_model;
#[path = "../../../../../examples/generative/flow.rs"]
mod flow;
#[path = "../../../../../examples/generative/gan.rs"]
mod gan;
#[path = "../../../../../examples/generative/neural_ode.rs"]
mod neural_ode;
#[path = "../../../../../examples/generative/score_matching.rs"]
mod score_matching;

pub const STUDIES: &[&Study] = &[
    &gan::STUDY,
    &dcgan::STUDY,
    &conditional_gan::STUDY,
    &cyclegan::STUDY,
    &flow::STUDY,
    &autoregressive_flow::STUDY,
    &neural_ode::STUDY,
    &diffusion::STUDY,
    &score_matching::STUDY,
    &energy_model::STUDY,
];
