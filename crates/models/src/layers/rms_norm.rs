//! Normalisation by the root of the mean square (Zhang and Sennrich 2019).

use autograd::Tensor;

use crate::{Init, Param, Params};

/// `y = x / sqrt(mean(x^2) + eps) * weight` over the last dimension of `[.., D]`. `eps` is `f32::EPSILON`, 2^-23. Parameter `weight [D]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Params, RmsNorm};
/// let device = Device::named("cpu")?;
/// let layer = RmsNorm::new(&Params::new(&device, 0), 2);
/// let y = layer.forward(&Tensor::from_slice(&device, &[1.0f32, 7.0], &[1, 2])?).to_vec::<f32>()?;
/// assert!((y[0] - 0.2).abs() < 1e-6 && (y[1] - 1.4).abs() < 1e-6);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct RmsNorm {
    weight: Param,
    eps: f32,
}

impl RmsNorm {
    /// Normalises the last dimension, of size `width`; weight 1.
    #[track_caller]
    pub fn new(params: &Params, width: usize) -> RmsNorm {
        RmsNorm { weight: params.param("weight", &[width], Init::ONES), eps: f32::EPSILON }
    }

    /// Added to the mean square; `f32::EPSILON` by default, as in PyTorch.
    pub fn eps(self, eps: f32) -> Self {
        Self { eps, ..self }
    }

    /// # Panics
    /// When the last dimension of `x` is not this layer's width.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let weight = self.weight.value();
        x.rms_norm(weight.shape(), Some(&weight), self.eps)
    }
}
