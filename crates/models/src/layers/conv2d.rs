//! The two-dimensional convolution layer.

use autograd::Tensor;

use super::conv::{Arguments, Conv};

/// Cross-correlation from `[N, C, H, W]` to `[N, O, H', W']`. Parameters `weight [O, C / groups, KH, KW]` and, unless turned
/// off, `bias [O]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Conv2d, Init, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let x = Tensor::ones(&device, &[1, 1, 2, 2]);
/// let layer = Conv2d::new(&params.path("conv1"), 1, 1, 3).padding(1).init(Init::ONES).no_bias().build();
/// assert_eq!(layer.forward(&x).to_vec::<f32>()?, [4.0; 4]);
/// let layer = Conv2d::new(&params.path("conv2"), 1, 1, [1, 2]).padding_same().init(Init::ONES).no_bias().build();
/// assert_eq!(layer.forward(&x).to_vec::<f32>()?, [2.0, 1.0, 2.0, 1.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub type Conv2d = Conv<2>;

impl Conv2d {
    /// # Panics
    /// When `x` is not `[N, C, H, W]` (or `[C, H, W]`) with this layer's channels, or smaller than the kernel.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let Arguments { x, weight, bias, stride, padding, dilation, groups } = self.arguments(x);
        x.conv2d(&weight, bias.as_ref(), stride, padding, dilation, groups)
    }
}
