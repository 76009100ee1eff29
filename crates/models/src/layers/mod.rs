//! Layers, one per file.

mod additive_attention;
mod alpha_dropout;
mod attention_mask;
mod batch_norm;
mod batch_renorm;
mod blur_pool;
mod conv;
mod conv1d;
mod conv2d;
mod conv3d;
mod conv_transpose;
mod conv_transpose1d;
mod conv_transpose2d;
mod crf;
mod dilated;
mod drop_connect;
mod drop_path;
mod dropout;
mod dropout2d;
mod embedding;
mod feed_forward;
mod gat_conv;
mod gcn_conv;
mod ghost_batch_norm;
mod gin_conv;
mod graph;
mod group_norm;
mod gru;
mod instance_norm;
mod kv_cache;
mod layer_norm;
mod linear;
mod low_rank_linear;
mod lstm;
mod multihead_attention;
mod positions;
mod prelu;
mod recurrent;
mod rms_norm;
mod rnn;
mod rotary;
mod sage_conv;
mod separable_conv2d;
mod sequential;
mod sizes;
mod sparse_attention;
mod spectral_norm;
mod squeeze_excite;
mod transformer;
mod transformer_decoder_layer;
mod transformer_encoder_layer;
mod variational_dropout;
mod weight_norm;

pub use additive_attention::AdditiveAttention;
pub use alpha_dropout::AlphaDropout;
pub use attention_mask::AttentionMask;
pub use batch_norm::{BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d};
pub use batch_renorm::BatchRenorm;
pub use blur_pool::BlurPool;
pub use conv::{Conv, ConvBuilder};
pub use conv_transpose::{ConvTranspose, ConvTransposeBuilder};
pub use conv_transpose1d::ConvTranspose1d;
pub use conv_transpose2d::ConvTranspose2d;
pub use conv1d::Conv1d;
pub use conv2d::Conv2d;
pub use conv3d::Conv3d;
pub use crf::Crf;
pub use dilated::dilated;
pub use drop_connect::DropConnect;
pub use drop_path::DropPath;
pub use dropout::Dropout;
pub use dropout2d::Dropout2d;
pub use embedding::Embedding;
pub use gat_conv::GatConv;
pub use gcn_conv::GcnConv;
pub use ghost_batch_norm::GhostBatchNorm;
pub use gin_conv::GinConv;
pub use graph::{Aggregation, Graph};
pub use group_norm::GroupNorm;
pub use gru::Gru;
pub use instance_norm::InstanceNorm;
pub use kv_cache::KvCache;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use low_rank_linear::LowRankLinear;
pub use lstm::Lstm;
pub use multihead_attention::{AttentionOptions, MultiheadAttention};
pub(crate) use positions::rates;
pub use positions::{LearnedPositions, SinusoidalPositions};
pub use prelu::PRelu;
pub use recurrent::RnnOptions;
pub use rms_norm::RmsNorm;
pub use rnn::Rnn;
pub use rotary::Rotary;
pub use sage_conv::SageConv;
pub use separable_conv2d::SeparableConv2d;
pub use sequential::Sequential;
pub use sizes::Sizes;
pub use sparse_attention::strided_attention_mask;
pub use spectral_norm::SpectralNorm;
pub use squeeze_excite::SqueezeExcite;
pub use transformer::{Transformer, TransformerDecoder, TransformerEncoder, TransformerMasks};
pub use transformer_decoder_layer::TransformerDecoderLayer;
pub use transformer_encoder_layer::{TransformerEncoderLayer, TransformerOptions};
pub use variational_dropout::VariationalDropout;
pub use weight_norm::WeightNorm;

/// Whether a model is being trained: batch norm and dropout depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Batch norm uses the batch's statistics and updates the running ones; dropout is active.
    Train,
    /// Batch norm uses the running statistics; dropout is inactive.
    Eval,
    /// Evaluation with dropout: each pass samples a network (Monte Carlo dropout, Gal and Ghahramani 2016).
    Sample,
}

impl Mode {
    /// Whether dropout is active.
    pub fn drops(self) -> bool {
        self != Mode::Eval
    }
}
