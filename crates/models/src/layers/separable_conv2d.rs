//! Depthwise separable convolution (Chollet 2017).

use autograd::Tensor;

use super::conv::ConvBuilder;
use crate::{Conv2d, Params};

/// A convolution of each channel separately (`depthwise`), then a 1x1 convolution over channels (`pointwise`): from `[N, C, H, W]` to
/// `[N, O, H', W']` with `C K^2 + C O` weights instead of `C O K^2`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Init, Params, SeparableConv2d};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let layer = SeparableConv2d::new(&params, 8, 16, 3, |conv| conv.padding(1).no_bias());
/// assert_eq!(params.count(), 8 * 9 + 8 * 16 + 16);
/// params.redraw("*weight", Init::ONES);
/// params.redraw("*bias", Init::ZEROS);
/// let y = layer.forward(&Tensor::ones(&device, &[1, 8, 4, 4]));
/// assert_eq!(y.shape(), [1, 16, 4, 4]);
/// // 8 channels of 4 pixels at the corner, and of 6 pixels next to it.
/// assert_eq!(y.to_vec::<f32>()?[..2], [32.0, 48.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct SeparableConv2d {
    depthwise: Conv2d,
    pointwise: Conv2d,
}

impl SeparableConv2d {
    /// `options` sets the options of the depthwise convolution.
    #[track_caller]
    pub fn new(
        params: &Params,
        inputs: usize,
        outputs: usize,
        kernel: usize,
        options: impl FnOnce(ConvBuilder<2>) -> ConvBuilder<2>,
    ) -> SeparableConv2d {
        let depthwise = Conv2d::new(&params.path("depthwise"), inputs, inputs, kernel).groups(inputs);
        SeparableConv2d {
            depthwise: options(depthwise).build(),
            pointwise: Conv2d::new(&params.path("pointwise"), inputs, outputs, 1).build(),
        }
    }

    /// # Panics
    /// When `x` is not `[N, C, H, W]` with this layer's channels, or smaller than the kernel.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.pointwise.forward(&self.depthwise.forward(x))
    }
}
