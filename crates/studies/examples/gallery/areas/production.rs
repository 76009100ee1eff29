// The programs are modules here; their `main` is not called.
#![allow(dead_code)]

use studies::Study;

#[path = "../../../../../examples/production/calibration.rs"]
mod calibration;
#[path = "../../../../../examples/production/distillation.rs"]
mod distillation;
#[path = "../../../../../examples/production/drift.rs"]
mod drift;
#[path = "../../../../../examples/production/pruning.rs"]
mod pruning;
#[path = "../../../../../examples/production/quantization.rs"]
mod quantization;
#[path = "../../../../../examples/production/rollback.rs"]
mod rollback;
#[path = "../../../../../examples/production/serving.rs"]
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
