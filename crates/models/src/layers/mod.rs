//! Layers, one a file.

mod batch_norm;
mod conv2d;
mod linear;

pub use batch_norm::BatchNorm2d;
pub use conv2d::Conv2d;
pub use linear::Linear;

/// Whether a model is being trained; batch norm and dropout behave differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Train,
    Eval,
}
