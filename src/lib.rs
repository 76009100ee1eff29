//! wgrad trains neural networks on any GPU that WebGPU reaches (Vulkan, Metal, DX12), with no CUDA and no Python, and on the
//! CPU where there is no GPU.
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

pub use autograd;
pub use data;
pub use gpu_core;
pub use models;
pub use train;

pub use autograd::{Error, Result};

/// What most programs need.
pub mod prelude {
    pub use autograd::{
        CrossEntropyTarget, DType, Device, DeviceInfo, DeviceKind, Generator, Gradients, Padding, Pool2d,
        Reduction, Tensor, TripletMargin, cat, elastic_net_penalty, grad, gradient_penalty, l1_penalty,
        l2_penalty, perceptual_loss, stack, style_loss, vjp, wasserstein_critic_loss,
    };
    pub use models::{
        Adam, AdamW, BatchNorm2d, Constant, Conv2d, Cosine, Crf, Embedding, Gru, Init, LayerNorm, Linear,
        Lstm, Mode, MultiheadAttention, OneCycle, Param, Params, ResNet, Rnn, RnnOptions, Schedule, Sgd,
        Step, Warmup,
    };
}
