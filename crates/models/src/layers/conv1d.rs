//! The one-dimensional convolution layer.

use autograd::Tensor;

use super::conv::{Arguments, Conv};

/// Cross-correlation from `[N, C, L]` to `[N, O, L']`. Parameters `weight [O, C / groups, K]` and, unless turned off,
/// `bias [O]`.
///
/// ```
/// use autograd::{Device, Padding, Tensor};
/// use models::{Conv1d, Init, Params};
/// let device = Device::named("cpu")?;
/// let layer = Conv1d::new(&Params::new(&device, 0), 1, 1, 3).padding(1).padding_mode(Padding::Replicate);
/// let layer = layer.init(Init::ONES).no_bias().build();
/// let y = layer.forward(&Tensor::from_slice(&device, &[1.0f32, 2.0, 3.0], &[1, 1, 3])?);
/// assert_eq!(y.to_vec::<f32>()?, [4.0, 6.0, 8.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub type Conv1d = Conv<1>;

impl Conv1d {
    /// # Panics
    /// When `x` is not `[N, C, L]` (or `[C, L]`) with this layer's channels, or smaller than the kernel.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let Arguments { x, weight, bias, stride: [stride], padding: [padding], dilation: [dilation], groups } =
            self.arguments(x);
        x.conv1d(&weight, bias.as_ref(), stride, padding, dilation, groups)
    }
}
