// The programs are modules here; their `main` is not called.
#![allow(dead_code)]

use studies::Study;

#[path = "../../../../../examples/supervised/approximation.rs"]
mod approximation;
#[path = "../../../../../examples/supervised/architectures.rs"]
mod architectures;
#[path = "../../../../../examples/supervised/baselines.rs"]
mod baselines;
#[path = "../../../../../examples/supervised/linear_models.rs"]
mod linear_models;
#[path = "../../../../../examples/supervised/mlp.rs"]
mod mlp;
#[path = "../../../../../examples/supervised/perceptron.rs"]
mod perceptron;
#[path = "../../../../../examples/supervised/svm.rs"]
mod svm;
#[path = "../../../../../examples/supervised/vit.rs"]
mod vit;

pub const STUDIES: &[&Study] = &[
    &approximation::STUDY,
    &architectures::STUDY,
    &baselines::STUDY,
    &linear_models::STUDY,
    &mlp::STUDY,
    &perceptron::STUDY,
    &svm::STUDY,
    &vit::STUDY,
];
