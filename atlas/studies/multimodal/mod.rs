use atlas::Study;

mod captioning;
mod clip;
mod pictures;
mod visual_questions;

pub const STUDIES: &[&Study] = &[&clip::STUDY, &captioning::STUDY, &visual_questions::STUDY];
