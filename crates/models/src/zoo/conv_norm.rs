//! The basic unit of convolutional networks.

use autograd::Tensor;

use crate::{BatchNorm2d, Conv2d, Init, Mode, Params};

/// A convolution without bias, followed by batch norm.
pub(super) struct ConvNorm(pub Conv2d, pub BatchNorm2d);

impl ConvNorm {
    /// An odd `kernel`, padded to keep the size if the stride is 1; parameters under `0` and `1`.
    #[track_caller]
    pub fn new(
        params: &Params,
        inputs: usize,
        outputs: usize,
        kernel: usize,
        stride: usize,
        groups: usize,
    ) -> ConvNorm {
        let conv = Conv2d::new(&params.path(0), inputs, outputs, kernel).stride(stride).padding(kernel / 2);
        let conv = conv.groups(groups).no_bias().init(Init::HE_FAN_OUT);
        ConvNorm(conv.build(), BatchNorm2d::new(&params.path(1), outputs))
    }

    #[track_caller]
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        self.1.forward(&self.0.forward(x), mode)
    }
}
