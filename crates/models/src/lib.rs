//! Layers, losses, initialisation, optimizers, schedules and the model zoo.
//!
//! A layer is a plain struct with `new(&params.path("name"), ..)` and `forward`; its parameters live in a [`Params`] tree
//! under PyTorch's names.

#![warn(missing_docs)]

pub mod compress;
pub mod distributions;
mod error;
mod flat;
mod freeze;
mod generate;
#[cfg(feature = "hf")]
pub mod hf;
pub mod init;
mod layers;
mod lora;
mod low_rank;
mod module;
pub mod optim;
mod params;
pub mod schedule;
mod snapshot;
mod sparse;
mod summary;
mod weights;
mod zoo;

pub use error::{Error, Result};
pub use freeze::freeze;
pub use generate::{
    BeamSearch, Decoded, Hypothesis, LanguageModel, Next, Reader, Sampler, beam_search, ctc_beam_search,
    ctc_collapse, ctc_greedy, generate,
};
pub use init::Init;
pub use layers::{
    AdditiveAttention, Aggregation, AlphaDropout, AttentionMask, AttentionOptions, BatchNorm, BatchNorm1d,
    BatchNorm2d, BatchNorm3d, BatchRenorm, BlurPool, Conv, Conv1d, Conv2d, Conv3d, ConvBuilder,
    ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTransposeBuilder, Crf, DropConnect, DropPath,
    Dropout, Dropout2d, Embedding, GatConv, GcnConv, GhostBatchNorm, GinConv, Graph, GroupNorm, Gru,
    InstanceNorm, KvCache, LayerNorm, LearnedPositions, Linear, LowRankLinear, Lstm, Mode,
    MultiheadAttention, PRelu, RmsNorm, Rnn, RnnOptions, Rotary, SageConv, SeparableConv2d, Sequential,
    SinusoidalPositions, Sizes, SpectralNorm, SqueezeExcite, Transformer, TransformerDecoder,
    TransformerDecoderLayer, TransformerEncoder, TransformerEncoderLayer, TransformerMasks,
    TransformerOptions, VariationalDropout, WeightNorm, dilated, strided_attention_mask,
};
pub use lora::{Lora, LoraOptions};
pub use module::Module;
pub use optim::{
    Adadelta, Adafactor, Adagrad, Adam, AdamW, Adamax, Asgd, Average, Constraint, Lamb, Lars, Lbfgs, Lion,
    Lookahead, LossScaler, Muon, NAdam, Optimize, Optimizer, RAdam, Replicas, RmsProp, Rprop, Rule, Several,
    Sgd, Update,
};
pub use params::{Param, Params, wildcard};
pub use schedule::{
    ConstantLr, Cosine, CosineAnnealingWarmRestarts, CyclicLr, ExponentialLr, InverseTimeLr, LinearLr,
    OneCycle, PolynomialLr, ReduceLrOnPlateau, Schedule, SequentialLr, Step, Warmup,
};
pub use snapshot::Snapshot;
pub use sparse::SparseMatrix;
pub use summary::{LayerSummary, Summary};
#[cfg(feature = "torch")]
pub use weights::torch_to_safetensors;
pub use weights::{LoadReport, Skipped, WeightsFile};
pub use zoo::{
    Airbench, AlexNet, Attend, Autoencoder, Backbone, Bert, BertOptions, CharRnn, CharRnnOptions, CifarCnn,
    ConditionalVae, ConvAutoencoder, DeepLab, DenseNet, EfficientNet, EfficientNetOptions, Encoded, Espcn,
    Fcn, Gcn, Glove, GoogLeNet, GoogLeNetOutput, Gpt, GptOptions, Inception, LeNet, Llama, LlamaOptions,
    Masked, MatrixFactorization, Mlp, MnistCnn, MobileNetV2, PreActResNet, ResNet, RnnState, RopeScaling,
    Seq2Seq, Seq2SeqOptions, SkipGram, Srcnn, Tagger, TaggerOptions, Transducer, TransducerOptions,
    Translator, TranslatorOptions, UNet, Vae, VaeOutput, Vgg, Vit, VitOptions, WaveNet, WaveNetOptions,
};
