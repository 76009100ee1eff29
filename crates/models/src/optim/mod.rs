//! Optimizers: one fused update over flat memory for each group of parameters.

mod adam;
mod flat;
mod sgd;

pub use adam::{Adam, AdamW};
pub use sgd::Sgd;
