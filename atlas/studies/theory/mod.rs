use atlas::Study;

mod adversarial;
mod batch_size;
mod biological_rules;
mod depth;
mod double_descent;
mod information_bottleneck;
mod kfac;
mod language_scaling;
mod linearization;
mod local_learning;
mod newton;
mod newton_cg;
mod optimizer_race;
mod pac_bayes;
mod power_law;
mod random_labels;
mod regularization_race;
mod scaling_law;
mod spiking;
mod vanishing_gradients;

pub const STUDIES: &[&Study] = &[
    &adversarial::STUDY,
    &batch_size::STUDY,
    &biological_rules::STUDY,
    &depth::STUDY,
    &double_descent::STUDY,
    &linearization::STUDY,
    &newton::STUDY,
    &newton_cg::STUDY,
    &kfac::STUDY,
    &optimizer_race::STUDY,
    &random_labels::STUDY,
    &regularization_race::STUDY,
    &scaling_law::STUDY,
    &language_scaling::STUDY,
    &vanishing_gradients::STUDY,
    &pac_bayes::STUDY,
    &information_bottleneck::STUDY,
    &spiking::STUDY,
    &local_learning::STUDY,
];
