//! Layers, one a file.

mod additive_attention;
mod attention_mask;
mod batch_norm;
mod conv2d;
mod embedding;
mod feed_forward;
mod gru;
mod kv_cache;
mod layer_norm;
mod linear;
mod lstm;
mod multihead_attention;
mod positions;
mod recurrent;
mod rnn;
mod rotary;
mod transformer;
mod transformer_decoder_layer;
mod transformer_encoder_layer;

pub use additive_attention::AdditiveAttention;
pub use attention_mask::AttentionMask;
pub use batch_norm::BatchNorm2d;
pub use conv2d::Conv2d;
pub use embedding::Embedding;
pub use gru::Gru;
pub use kv_cache::KvCache;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use lstm::Lstm;
pub use multihead_attention::{AttentionOptions, MultiheadAttention};
pub use positions::{LearnedPositions, SinusoidalPositions};
pub use recurrent::RnnOptions;
pub use rnn::Rnn;
pub use rotary::Rotary;
pub use transformer::{Transformer, TransformerDecoder, TransformerEncoder, TransformerMasks};
pub use transformer_decoder_layer::TransformerDecoderLayer;
pub use transformer_encoder_layer::{TransformerEncoderLayer, TransformerOptions};

/// Whether a model is being trained; batch norm and dropout behave differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Train,
    Eval,
}
