//! The three-dimensional convolution layer.

use autograd::Tensor;

use super::conv::{Arguments, Conv};

/// Cross-correlation from `[N, C, D, H, W]` to `[N, O, D', H', W']`. Parameters `weight [O, C / groups, KD, KH, KW]` and,
/// unless turned off, `bias [O]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Conv3d, Init, Params};
/// let device = Device::named("cpu")?;
/// let layer = Conv3d::new(&Params::new(&device, 0), 1, 1, 3).padding([1, 1, 0]).init(Init::ONES).no_bias().build();
/// let y = layer.forward(&Tensor::ones(&device, &[1, 1, 2, 1, 3]));
/// assert_eq!(y.to_vec::<f32>()?, [6.0, 6.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub type Conv3d = Conv<3>;

impl Conv3d {
    /// # Panics
    /// When `x` is not `[N, C, D, H, W]` (or `[C, D, H, W]`) with this layer's channels, or smaller than the kernel.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let Arguments { x, weight, bias, stride, padding, dilation, groups } = self.arguments(x);
        x.conv3d(&weight, bias.as_ref(), stride, padding, dilation, groups)
    }
}
