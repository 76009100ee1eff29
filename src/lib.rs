//! wgrad trains neural networks on any GPU that WebGPU reaches (Vulkan, Metal, DX12), with no CUDA and no Python, and on the
//! CPU if there is no GPU. [The book](https://github.com/wgrad/wgrad/blob/main/docs/SUMMARY.md) begins with a first network.
//!
//! ```
//! use wgrad::prelude::*;
//!
//! let device = Device::named("cpu")?;
//! let params = Params::new(&device, 42);
//! let layer = Linear::new(&params, 2, 1);
//! let mut opt = Sgd::new(&params);
//! let x = Tensor::from_slice(&device, &[0.0f32, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], &[4, 2])?;
//! let y = Tensor::from_slice(&device, &[0.0f32, 1.0, 1.0, 2.0], &[4, 1])?;
//! for _ in 0..200 {
//!     let loss = layer.forward(&x).mse_loss(&y, Reduction::Mean);
//!     opt.step(loss.backward(), 0.3)?;
//! }
//! let weight = params.get("weight").unwrap().value().to_vec::<f32>()?;
//! assert!((weight[0] - 1.0).abs() < 1e-3 && (weight[1] - 1.0).abs() < 1e-3);
//! # Ok::<(), wgrad::Error>(())
//! ```

#![warn(missing_docs)]

pub use autograd;
#[cfg(feature = "data")]
pub use data;
#[cfg(feature = "train")]
pub use distributed;
pub use gpu_core;
#[cfg(feature = "linalg")]
pub use linalg;
pub use models;
#[cfg(feature = "onnx")]
pub use onnx;
#[cfg(feature = "train")]
pub use train;

mod error;

pub use error::{Error, Result};

/// The items that most programs need.
pub mod prelude {
    pub use autograd::{
        Accumulator, CrossEntropy, DType, Device, DeviceInfo, DeviceKind, Frozen, Generator, Gradients, Half,
        Interpolation, Padding, Pool1d, Pool2d, Pool3d, Reduction, Resize, Tensor, TripletMargin, autocast,
        cat, einsum, elastic_net_penalty, grad, gradient_penalty, l1_penalty, l2_penalty, perceptual_loss,
        stack, style_loss, vjp, wasserstein_critic_loss,
    };
    #[cfg(feature = "data")]
    pub use data::{
        Augment, Batch, BatchOptions, Batches, Examples, Loader, LoaderOptions, Matrix, Part, Rows, Source,
        Targets, TensorDataset,
    };
    #[cfg(feature = "train")]
    pub use distributed::World;
    pub use models::{
        Adafactor, Adam, AdamW, AlphaDropout, AttentionMask, Average, BatchNorm1d, BatchNorm2d, BatchNorm3d,
        BatchRenorm, Bert, BertOptions, BlurPool, Constraint, Conv1d, Conv2d, Conv3d, ConvTranspose1d,
        ConvTranspose2d, Cosine, Crf, DropConnect, DropPath, Dropout, Dropout2d, Embedding, GhostBatchNorm,
        Gpt, GptOptions, GroupNorm, Gru, Init, InstanceNorm, Lamb, LayerNorm, Lbfgs, Linear, Lion, Lookahead,
        LossScaler, Lstm, Mlp, Mode, Module, MultiheadAttention, Muon, OneCycle, PRelu, Param, Params,
        ReduceLrOnPlateau, ResNet, RmsNorm, RmsProp, Rnn, RnnOptions, Schedule, SeparableConv2d, Sequential,
        Sgd, SpectralNorm, SqueezeExcite, Step, VariationalDropout, Vit, VitOptions, Warmup, WeightNorm,
        freeze,
    };
    #[cfg(feature = "train")]
    pub use train::{Console, Run, StepOutput, Task, Trainer};
}
