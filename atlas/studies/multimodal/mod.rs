use atlas::Study;

mod captioning;
mod clip;
mod pictures;

pub const STUDIES: &[&Study] = &[&clip::STUDY, &captioning::STUDY];
