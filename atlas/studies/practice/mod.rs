use atlas::Study;

mod active_learning;
mod architecture_search;
mod class_transfer;
mod ensemble;
mod forgetting;
mod private_training;
mod training_checks;
mod transfer;

pub const STUDIES: &[&Study] = &[
    &ensemble::STUDY,
    &training_checks::STUDY,
    &transfer::STUDY,
    &class_transfer::STUDY,
    &private_training::STUDY,
    &active_learning::STUDY,
    &forgetting::STUDY,
    &architecture_search::STUDY,
];
