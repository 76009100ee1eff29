use studies::Study;

pub const STUDIES: &[&Study] = &[];
