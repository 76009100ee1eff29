//! Layers, one a file.

mod batch_norm;
mod conv2d;
mod crf;
mod embedding;
mod gru;
mod layer_norm;
mod linear;
mod lstm;
mod multihead_attention;
mod recurrent;
mod rnn;

pub use batch_norm::BatchNorm2d;
pub use conv2d::Conv2d;
pub use crf::Crf;
pub use embedding::Embedding;
pub use gru::Gru;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use lstm::Lstm;
pub use multihead_attention::MultiheadAttention;
pub use recurrent::RnnOptions;
pub use rnn::Rnn;

/// Whether a model is being trained; batch norm and dropout behave differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Train,
    Eval,
}
