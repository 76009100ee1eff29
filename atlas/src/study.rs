//! The description of a study.

use anyhow::Result;

use crate::Lab;

/// One system, built, run and measured.
#[derive(Debug, Clone, Copy)]
pub struct Study {
    /// Its name on the command line, and that of its pictures' directory.
    pub name: &'static str,
    /// What it shows, in one sentence.
    pub about: &'static str,
    /// Whether it belongs to the small set that the gallery also runs on GPU adapters.
    pub on_gpu: bool,
    /// The help text of `--data`, if the study can work on real data.
    pub data: Option<&'static str>,
    /// Runs the study.
    pub run: fn(&mut Lab) -> Result<()>,
}
