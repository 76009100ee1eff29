//! The two-dimensional transposed convolution layer.

use autograd::Tensor;

use super::conv_transpose::ConvTranspose;
use crate::Param;

/// Transposed convolution from `[N, C, H, W]` to `[N, O, H', W']`. Parameters `weight [C, O / groups, KH, KW]` and, unless
/// turned off, `bias [O]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{ConvTranspose2d, Init, Params};
/// let device = Device::named("cpu")?;
/// let layer = ConvTranspose2d::new(&Params::new(&device, 0), 1, 1, 2).stride(2).init(Init::ONES).no_bias().build();
/// let y = layer.forward(&Tensor::from_slice(&device, &[1.0f32, 2.0], &[1, 1, 1, 2])?);
/// assert_eq!(y.to_vec::<f32>()?, [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub type ConvTranspose2d = ConvTranspose<2>;

impl ConvTranspose2d {
    /// # Panics
    /// When `x` is not `[N, C, H, W]` (or `[C, H, W]`) with this layer's channels, or the output would be empty.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let (o, bias) = (&self.options, self.bias.as_ref().map(Param::value));
        let weight = self.weight.value();
        x.conv_transpose2d(
            &weight,
            bias.as_ref(),
            o.stride,
            o.padding,
            o.output_padding,
            o.groups,
            o.dilation,
        )
    }
}
