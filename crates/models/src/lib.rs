//! Layers, losses, initialisation, optimizers, schedules and the model zoo.
//!
//! A layer is a plain struct with `new(&params.path("name"), ..)` and `forward`; its parameters live in a [`Params`] tree
//! under PyTorch's names.

mod error;
pub mod init;
mod layers;
pub mod optim;
mod params;
pub mod schedule;
mod weights;
mod zoo;

pub use error::{Error, Result};
pub use init::Init;
pub use layers::{
    BatchNorm2d, Conv2d, Embedding, Gru, LayerNorm, Linear, Lstm, Mode, MultiheadAttention, Rnn, RnnOptions,
};
pub use optim::{
    Adadelta, Adafactor, Adagrad, Adam, AdamW, Adamax, Asgd, Average, Constraint, Lamb, Lars, Lbfgs, Lion,
    Lookahead, Muon, NAdam, Optimizer, RAdam, RmsProp, Rprop, Rule, Sgd, Update,
};
pub use params::{Param, Params};
pub use schedule::{
    Constant, ConstantLr, Cosine, CosineAnnealingWarmRestarts, CyclicLr, ExponentialLr, InverseTimeLr,
    LinearLr, OneCycle, PolynomialLr, ReduceLrOnPlateau, Schedule, SequentialLr, Step, Warmup,
};
pub use zoo::ResNet;
