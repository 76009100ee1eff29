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
    BatchNorm2d, Conv2d, Crf, Embedding, Gru, LayerNorm, Linear, Lstm, Mode, MultiheadAttention, Rnn,
    RnnOptions,
};
pub use optim::{Adam, AdamW, Sgd};
pub use params::{Param, Params};
pub use schedule::{Constant, Cosine, OneCycle, Schedule, Step, Warmup};
pub use zoo::ResNet;
