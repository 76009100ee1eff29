//! Instance normalisation (Ulyanov et al. 2016).

use autograd::Tensor;

use crate::{Init, Param, Params};

/// Normalises each channel of each image of `[N, C, ..]`. `eps` is 1e-5. As PyTorch's, without running statistics, and without parameters
/// unless created by [`affine`](InstanceNorm::affine), which adds `weight [C]` and `bias [C]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::InstanceNorm;
/// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 3.0, 10.0, 30.0], &[1, 2, 2])?;
/// let y = InstanceNorm::new().forward(&x).to_vec::<f32>()?;
/// assert!(y.iter().zip([-1.0, 1.0, -1.0, 1.0]).all(|(y, want)| (y - want).abs() < 1e-4));
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"))]
#[derive(Default)]
pub struct InstanceNorm {
    affine: Option<[Param; 2]>,
}

const EPS: f32 = 1e-5;

impl InstanceNorm {
    /// Without parameters, as PyTorch's default.
    pub fn new() -> InstanceNorm {
        InstanceNorm::default()
    }

    /// With a trained scale and shift for each channel.
    #[track_caller]
    pub fn affine(params: &Params, channels: usize) -> InstanceNorm {
        let weight = params.param("weight", &[channels], Init::ONES);
        InstanceNorm { affine: Some([weight, params.param("bias", &[channels], Init::ZEROS)]) }
    }

    /// # Panics
    /// When `x` is not `[N, C, ..]` with this layer's channels, or has only one position.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let affine = self.affine.as_ref().map(|[weight, bias]| [weight.value(), bias.value()]);
        let [weight, bias] = [0, 1].map(|i| affine.as_ref().map(|a| &a[i]));
        x.instance_norm(weight, bias, EPS)
    }
}
