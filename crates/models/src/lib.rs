//! Layers, losses, initialisation, optimizers, schedules and the model zoo.
//!
//! A layer is a plain struct with `new(&params.path("name"), ..)` and `forward`; its parameters live in a [`Params`] tree
//! under PyTorch's names.

mod error;
pub mod init;
mod layers;
mod optim;
mod params;
mod schedule;
mod weights;
mod zoo;

pub use error::{Error, Result};
pub use init::Init;
pub use layers::{
    AlphaDropout, BatchNorm, BatchNorm1d, BatchNorm2d, BatchNorm3d, BatchRenorm, BlurPool, Conv, Conv1d,
    Conv2d, Conv3d, ConvBuilder, ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTransposeBuilder,
    DropConnect, DropPath, Dropout, Dropout2d, Embedding, GhostBatchNorm, GroupNorm, Gru, InstanceNorm,
    LayerNorm, Linear, Lstm, Mode, MultiheadAttention, PRelu, RmsNorm, Rnn, RnnOptions, SeparableConv2d,
    Sizes, SpectralNorm, SqueezeExcite, VariationalDropout, WeightNorm,
};
pub use optim::{Adam, AdamW, Sgd};
pub use params::{Param, Params};
pub use schedule::{Constant, Cosine, OneCycle, Schedule, Step, Warmup};
pub use zoo::ResNet;
