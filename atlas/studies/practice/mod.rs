use atlas::Study;

mod ensemble;
mod training_checks;
mod transfer;

pub const STUDIES: &[&Study] = &[&ensemble::STUDY, &training_checks::STUDY, &transfer::STUDY];
