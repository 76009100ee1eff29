//! The fully connected layer.

use autograd::Tensor;

use crate::{Init, Param, Params};

/// `y = x W^T + b`, from `[.., in]` to `[.., out]`. Parameters `weight [out, in]` and, unless created by [`no_bias`](Linear::no_bias),
/// `bias [out]`. [`Lora`](crate::Lora) adapts it.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Linear, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let layer = Linear::new(&params, 2, 1);
/// params.get("weight").unwrap().set(&Tensor::from_slice(&device, &[3.0f32, 4.0], &[1, 2])?);
/// params.get("bias").unwrap().set(&Tensor::from_slice(&device, &[0.5f32], &[1])?);
/// let x = Tensor::from_slice(&device, &[1.0f32, 2.0], &[1, 2])?;
/// assert_eq!(layer.forward(&x).to_vec::<f32>()?, [11.5]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Linear {
    weight: Param,
    bias: Option<Param>,
}

impl Linear {
    /// PyTorch's default initialisation.
    #[track_caller]
    pub fn new(params: &Params, inputs: usize, outputs: usize) -> Linear {
        let layer = Linear::no_bias(params, inputs, outputs);
        Linear { bias: Some(params.param("bias", &[outputs], Init::torch_bias(inputs))), ..layer }
    }

    /// Without a bias: `y = x W^T`.
    #[track_caller]
    pub fn no_bias(params: &Params, inputs: usize, outputs: usize) -> Linear {
        let weight = params.param("weight", &[outputs, inputs], Init::torch_default()).adaptable();
        Linear { weight, bias: None }
    }

    /// # Panics
    /// When the last dimension of `x` is not the number of inputs.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.weight.linear(x, self.bias.as_ref().map(Param::value).as_ref())
    }
}
