//! What layers, networks and functions of a tensor have in common.

use autograd::Tensor;

use crate::*;

/// A function from a tensor to a tensor, perhaps with parameters: a layer, a network of one input, or a closure.
///
/// Layers have a `forward` of their own, which takes the mode only where it matters; this trait is for code that works with any of them,
/// such as [`Sequential`] or a table of networks.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Dropout, Linear, Mode, Module, Params};
/// let params = Params::new(&Device::named("cpu")?, 0);
/// let parts: [Box<dyn Module>; 3] = [
///     Box::new(Linear::new(&params.path("fc"), 4, 2)),
///     Box::new(Tensor::relu),
///     Box::new(Dropout::new(&params, 0.5)),
/// ];
/// let x = Tensor::ones(params.device(), &[3, 4]);
/// let y = parts.iter().fold(x, |x, part| part.forward(&x, Mode::Eval));
/// assert_eq!(y.shape(), [3, 2]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias = "nn.Module")]
pub trait Module: Send + Sync {
    /// The result for `x`.
    #[track_caller]
    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor;
}

impl<F: Fn(&Tensor) -> Tensor + Send + Sync> Module for F {
    #[track_caller]
    fn forward(&self, x: &Tensor, _: Mode) -> Tensor {
        self(x)
    }
}

impl Module for Box<dyn Module> {
    #[track_caller]
    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        (**self).forward(x, mode)
    }
}

/// Implements the trait for types whose `forward` takes no mode.
macro_rules! without_mode {
    ($($layer:ty),* $(,)?) => {$(
        impl Module for $layer {
            #[track_caller]
            fn forward(&self, x: &Tensor, _: Mode) -> Tensor {
                <$layer>::forward(self, x)
            }
        }
    )*};
}

/// Implements the trait for types whose `forward` takes the mode.
macro_rules! with_mode {
    ($($layer:ty),* $(,)?) => {$(
        impl Module for $layer {
            #[track_caller]
            fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
                <$layer>::forward(self, x, mode)
            }
        }
    )*};
}

without_mode!(
    BlurPool,
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    Embedding,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    Linear,
    LowRankLinear,
    PRelu,
    RmsNorm,
    SeparableConv2d,
    SqueezeExcite,
    AlexNet,
    Autoencoder,
    ConvAutoencoder,
    Espcn,
    LeNet,
    Mlp,
    MnistCnn,
    Srcnn,
);

with_mode!(
    AlphaDropout,
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    DropConnect,
    DropPath,
    Dropout,
    Dropout2d,
    GhostBatchNorm<1>,
    GhostBatchNorm<2>,
    GhostBatchNorm<3>,
    Sequential,
    VariationalDropout,
    Airbench,
    CifarCnn,
    DeepLab,
    DenseNet,
    EfficientNet,
    Fcn,
    Gpt,
    Llama,
    Inception,
    MobileNetV2,
    PreActResNet,
    ResNet,
    UNet,
    Vgg,
    Vit,
);
