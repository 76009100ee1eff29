//! What a study is.

use anyhow::Result;

use crate::Lab;

/// One system of the texts, built, run and measured.
#[derive(Debug, Clone, Copy)]
pub struct Study {
    /// Its name on the command line, and that of its pictures' directory.
    pub name: &'static str,
    /// What it shows, in a sentence.
    pub about: &'static str,
    /// Whether it belongs to the small set that the gallery also runs on GPU adapters.
    pub on_gpu: bool,
    /// What `--data` takes, where the study can work on real data.
    pub data: Option<&'static str>,
    /// The work.
    pub run: fn(&mut Lab) -> Result<()>,
}
