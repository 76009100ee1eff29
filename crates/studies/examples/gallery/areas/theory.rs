// The programs are modules here; their `main` is not called.
#![allow(dead_code)]

use studies::Study;

#[path = "../../../../../examples/theory/adversarial.rs"]
mod adversarial;
#[path = "../../../../../examples/theory/batch_size.rs"]
mod batch_size;
#[path = "../../../../../examples/theory/biological_rules.rs"]
mod biological_rules;
#[path = "../../../../../examples/theory/depth.rs"]
mod depth;
#[path = "../../../../../examples/theory/double_descent.rs"]
mod double_descent;
#[path = "../../../../../examples/theory/linearization.rs"]
mod linearization;
#[path = "../../../../../examples/theory/newton.rs"]
mod newton;
#[path = "../../../../../examples/theory/optimizer_race.rs"]
mod optimizer_race;
#[path = "../../../../../examples/theory/random_labels.rs"]
mod random_labels;
#[path = "../../../../../examples/theory/regularization_race.rs"]
mod regularization_race;
#[path = "../../../../../examples/theory/scaling_law.rs"]
mod scaling_law;
#[path = "../../../../../examples/theory/vanishing_gradients.rs"]
mod vanishing_gradients;

pub const STUDIES: &[&Study] = &[
    &adversarial::STUDY,
    &batch_size::STUDY,
    &biological_rules::STUDY,
    &depth::STUDY,
    &double_descent::STUDY,
    &linearization::STUDY,
    &newton::STUDY,
    &optimizer_race::STUDY,
    &random_labels::STUDY,
    &regularization_race::STUDY,
    &scaling_law::STUDY,
    &vanishing_gradients::STUDY,
];
