use atlas::Study;

mod captioning;
mod clip;
mod pictures;
mod visual_qa;

pub const STUDIES: &[&Study] = &[&clip::STUDY, &captioning::STUDY, &visual_qa::STUDY];
