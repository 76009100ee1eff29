//! Hyper-parameter search: spaces, what strategies choose, and studies of programs.
mod gaussian_process;
mod space;
mod strategies;
mod studies;
