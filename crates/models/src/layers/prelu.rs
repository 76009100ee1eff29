//! ReLU with a learned slope (He et al. 2015).

use autograd::Tensor;

use crate::{Init, Param, Params};

/// `x` if positive, `weight * x` otherwise. Parameter `weight [n]`, initially 0.25: one slope for each channel of `[N, C, ..]`, or one
/// for all.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{PRelu, Params};
/// let device = Device::named("cpu")?;
/// let layer = PRelu::new(&Params::new(&device, 0), 1);
/// let y = layer.forward(&Tensor::from_slice(&device, &[-2.0f32, 3.0], &[2])?);
/// assert_eq!(y.to_vec::<f32>()?, [-0.5, 3.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct PRelu {
    weight: Param,
}

impl PRelu {
    /// `slopes` is 1 or the number of channels.
    #[track_caller]
    pub fn new(params: &Params, slopes: usize) -> PRelu {
        PRelu { weight: params.param("weight", &[slopes], Init::Constant(0.25)) }
    }

    /// # Panics
    /// When there is neither one slope nor one per channel.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.prelu(&self.weight.value())
    }
}
