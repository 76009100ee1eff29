use atlas::Study;

mod calibration;
mod distillation;
mod drift;
mod pruning;
mod quantization;
mod rollback;
mod serving;

pub const STUDIES: &[&Study] = &[
    &calibration::STUDY,
    &distillation::STUDY,
    &drift::STUDY,
    &pruning::STUDY,
    &quantization::STUDY,
    &rollback::STUDY,
    &serving::STUDY,
];
