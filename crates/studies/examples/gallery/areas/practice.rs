// The programs are modules here; their `main` is not called.
#![allow(dead_code)]

use studies::Study;

#[path = "../../../../../examples/practice/ensemble.rs"]
mod ensemble;
#[path = "../../../../../examples/practice/training_checks.rs"]
mod training_checks;
#[path = "../../../../../examples/practice/transfer.rs"]
mod transfer;

pub const STUDIES: &[&Study] = &[&ensemble::STUDY, &training_checks::STUDY, &transfer::STUDY];
