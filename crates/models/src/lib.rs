//! Layers, losses, initialisation, optimizers, schedules and the model zoo.
//!
//! A layer is a plain struct with `new(&params.path("name"), ..)` and `forward`; its parameters live in a [`Params`] tree
//! under PyTorch's names.

mod error;
mod generate;
pub mod init;
mod layers;
mod optim;
mod params;
mod schedule;
mod summary;
mod weights;
mod zoo;

pub use error::{Error, Result};
pub use generate::{Hypothesis, LanguageModel, Reader, Sampler, beam_search, generate};
pub use init::Init;
pub use layers::{
    AdditiveAttention, AttentionMask, AttentionOptions, BatchNorm2d, Conv2d, Embedding, Gru, KvCache,
    LayerNorm, LearnedPositions, Linear, Lstm, Mode, MultiheadAttention, Rnn, RnnOptions, Rotary,
    SinusoidalPositions, Transformer, TransformerDecoder, TransformerDecoderLayer, TransformerEncoder,
    TransformerEncoderLayer, TransformerMasks, TransformerOptions,
};
pub use optim::{Adam, AdamW, Sgd};
pub use params::{Param, Params};
pub use schedule::{Constant, Cosine, OneCycle, Schedule, Step, Warmup};
pub use summary::{LayerSummary, Summary};
pub use zoo::{
    AlexNet, Attend, Bert, BertOptions, CharRnn, CharRnnOptions, DenseNet, Encoded, Gpt, GptOptions, LeNet,
    Masked, Mlp, MobileNetV2, PreActResNet, ResNet, RnnState, Seq2Seq, Seq2SeqOptions, UNet, Vae, VaeOutput,
    Vgg, Vit, VitOptions,
};
