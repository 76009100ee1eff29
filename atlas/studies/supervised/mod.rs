use atlas::Study;

mod adaboost;
mod approximation;
mod architectures;
mod baselines;
mod linear_models;
mod mlp;
mod model_selection;
mod perceptron;
mod regressors;
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
    &adaboost::STUDY,
    &regressors::STUDY,
    &model_selection::STUDY,
];
