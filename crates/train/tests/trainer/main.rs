//! The trainer: what it does, what it leaves behind, and that a run that was stopped goes on bit for bit.

mod checkpoints;
mod damage;
mod digits;
mod kills;
mod options;
mod resume;
