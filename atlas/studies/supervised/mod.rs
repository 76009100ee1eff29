use atlas::Study;

mod approximation;
mod architectures;
mod baselines;
mod linear_models;
mod mlp;
mod perceptron;
mod svm;
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
