// The programs are modules here; their `main` is not called.
#![allow(dead_code)]

use studies::Study;

#[path = "../../../../../examples/supervised/approximation.rs"]
mod approximation;

pub const STUDIES: &[&Study] = &[&approximation::STUDY];
