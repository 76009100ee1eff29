//! Layer normalisation (Ba, Kiros and Hinton 2016).

use autograd::Tensor;

use crate::{Init, Param, Params};

/// Normalises over the last dimension of `[.., D]`: `y = (x - mean) / sqrt(var + eps) * weight + bias` with the biased variance. `eps` is
/// 1e-5 unless set. Parameters `weight [D]` and, unless created by [`no_bias`](LayerNorm::no_bias), `bias [D]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{LayerNorm, Params};
/// let device = Device::named("cpu")?;
/// let layer = LayerNorm::new(&Params::new(&device, 0), 2);
/// let y = layer.forward(&Tensor::from_slice(&device, &[1.0f32, 3.0], &[1, 2])?).to_vec::<f32>()?;
/// assert!((y[0] + 1.0).abs() < 1e-4 && (y[1] - 1.0).abs() < 1e-4);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct LayerNorm {
    weight: Param,
    bias: Option<Param>,
    eps: f32,
}

impl LayerNorm {
    /// Normalises the last dimension, of size `width`; weight 1 and bias 0.
    #[track_caller]
    pub fn new(params: &Params, width: usize) -> LayerNorm {
        let layer = LayerNorm::no_bias(params, width);
        LayerNorm { bias: Some(params.param("bias", &[width], Init::ZEROS)), ..layer }
    }

    /// Without a bias.
    #[track_caller]
    pub fn no_bias(params: &Params, width: usize) -> LayerNorm {
        LayerNorm { weight: params.param("weight", &[width], Init::ONES), bias: None, eps: 1e-5 }
    }

    /// Added to the variance; 1e-5 by default.
    pub fn eps(self, eps: f32) -> LayerNorm {
        LayerNorm { eps, ..self }
    }

    /// # Panics
    /// When the last dimension of `x` is not this layer's width.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let weight = self.weight.value();
        let zeros = || Tensor::zeros(weight.device(), weight.shape());
        x.layer_norm(&weight, &self.bias.as_ref().map_or_else(zeros, Param::value), self.eps)
    }
}
