use atlas::Study;

mod adversarial;
mod batch_size;
mod biological_rules;
mod depth;
mod double_descent;
mod kfac;
mod linearization;
mod newton;
mod optimizer_race;
mod random_labels;
mod regularization_race;
mod scaling_law;
mod vanishing_gradients;

pub const STUDIES: &[&Study] = &[
    &adversarial::STUDY,
    &batch_size::STUDY,
    &biological_rules::STUDY,
    &depth::STUDY,
    &double_descent::STUDY,
    &linearization::STUDY,
    &newton::STUDY,
    &kfac::STUDY,
    &optimizer_race::STUDY,
    &random_labels::STUDY,
    &regularization_race::STUDY,
    &scaling_law::STUDY,
    &vanishing_gradients::STUDY,
];
