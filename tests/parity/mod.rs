//! The runner of the PyTorch parity test.

pub mod attrs;
pub mod compare;
pub mod fixtures;
pub mod report;
pub mod runner;

mod attention;
mod batch_layer_norm;
mod binary;
mod call;
mod init;
mod losses;
mod matrix;
mod movement;
mod norm;
mod optim;
mod reduction;
mod resize;
mod schedule;
mod second_order;
mod sequence;
mod train;
mod unary;
mod window;
