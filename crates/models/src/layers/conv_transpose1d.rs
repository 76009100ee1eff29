//! The one-dimensional transposed convolution layer.

use autograd::Tensor;

use super::conv_transpose::ConvTranspose;
use crate::Param;

/// Transposed convolution from `[N, C, L]` to `[N, O, L']`. Parameters `weight [C, O / groups, K]` and, unless turned off,
/// `bias [O]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{ConvTranspose1d, Init, Params};
/// let device = Device::named("cpu")?;
/// let layer = ConvTranspose1d::new(&Params::new(&device, 0), 1, 1, 3).stride(2).init(Init::ONES).no_bias().build();
/// let y = layer.forward(&Tensor::from_slice(&device, &[1.0f32, 2.0], &[1, 1, 2])?);
/// assert_eq!(y.to_vec::<f32>()?, [1.0, 1.0, 3.0, 2.0, 2.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub type ConvTranspose1d = ConvTranspose<1>;

impl ConvTranspose1d {
    /// # Panics
    /// When `x` is not `[N, C, L]` (or `[C, L]`) with this layer's channels, or the output would be empty.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let (o, bias) = (&self.options, self.bias.as_ref().map(Param::value));
        let ([stride], [padding], [extra]) = (o.stride, o.padding, o.output_padding);
        let weight = self.weight.value();
        x.conv_transpose1d(&weight, bias.as_ref(), stride, padding, extra, o.groups, o.dilation[0])
    }
}
