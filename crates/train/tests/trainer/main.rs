//! The trainer: its options, the files it writes, and that a stopped run resumes bit for bit.

mod checkpoints;
mod damage;
mod digits;
mod kills;
mod options;
mod resume;
