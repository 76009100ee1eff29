//! The common part of transposed convolution layers over one and two dimensions.

use super::sizes::Sizes;
use crate::{Init, Param, Params};

/// A transposed convolution layer over `D` dimensions: [`ConvTranspose1d`](crate::ConvTranspose1d) or
/// [`ConvTranspose2d`](crate::ConvTranspose2d).
pub struct ConvTranspose<const D: usize> {
    pub(super) weight: Param,
    pub(super) bias: Option<Param>,
    pub(super) options: ConvTransposeBuilder<D>,
}

/// Options of a [`ConvTranspose`], with PyTorch's defaults. A single size applies to all dimensions.
#[derive(Clone, Copy, Debug)]
pub struct ConvTransposeBuilder<const D: usize> {
    channels: [usize; 2],
    kernel: [usize; D],
    pub(super) stride: [usize; D],
    pub(super) padding: [usize; D],
    pub(super) output_padding: [usize; D],
    pub(super) dilation: [usize; D],
    pub(super) groups: usize,
    bias: bool,
    init: Option<Init>,
}

impl<const D: usize> ConvTranspose<D> {
    /// Stride 1, no padding, a bias. Finish with [`build`](ConvTransposeBuilder::build).
    #[allow(clippy::new_ret_no_self)] // a layer's options come before its parameters exist
    pub fn new(inputs: usize, outputs: usize, kernel: impl Sizes<D>) -> ConvTransposeBuilder<D> {
        ConvTransposeBuilder {
            channels: [inputs, outputs],
            kernel: kernel.sizes(),
            stride: [1; D],
            padding: [0; D],
            output_padding: [0; D],
            dilation: [1; D],
            groups: 1,
            bias: true,
            init: None,
        }
    }
}

impl<const D: usize> ConvTransposeBuilder<D> {
    pub fn stride(self, stride: impl Sizes<D>) -> Self {
        Self { stride: stride.sizes(), ..self }
    }

    /// Number of elements cut off at both sides of every dimension of the output.
    pub fn padding(self, padding: impl Sizes<D>) -> Self {
        Self { padding: padding.sizes(), ..self }
    }

    /// Number of elements added at the end of every dimension of the output.
    pub fn output_padding(self, output_padding: impl Sizes<D>) -> Self {
        Self { output_padding: output_padding.sizes(), ..self }
    }

    pub fn dilation(self, dilation: impl Sizes<D>) -> Self {
        Self { dilation: dilation.sizes(), ..self }
    }

    pub fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    pub fn no_bias(self) -> Self {
        Self { bias: false, ..self }
    }

    /// The initialisation of the weight; by default PyTorch's.
    pub fn init(self, init: Init) -> Self {
        Self { init: Some(init), ..self }
    }

    /// Creates the layer's parameters under `params`.
    ///
    /// # Panics
    /// When the groups do not divide the channels, a kernel size, stride or dilation is 0, or the output padding is not below the larger
    /// of stride and dilation.
    #[track_caller]
    pub fn build(self, params: &Params) -> ConvTranspose<D> {
        let [inputs, outputs] = self.channels;
        let fits =
            self.groups > 0 && inputs.is_multiple_of(self.groups) && outputs.is_multiple_of(self.groups);
        assert!(fits, "ConvTranspose{D}d: {} groups for {inputs} -> {outputs} channels", self.groups);
        let ConvTransposeBuilder { kernel, stride, dilation, output_padding, .. } = self;
        let some = [kernel, stride, dilation].iter().flatten().all(|&n| n > 0);
        assert!(some, "ConvTranspose{D}d: kernel {kernel:?}, stride {stride:?}, dilation {dilation:?}");
        let small = (0..D).all(|d| output_padding[d] < stride[d].max(dilation[d]));
        assert!(small, "ConvTranspose{D}d: output_padding {output_padding:?} for stride {stride:?}");
        let init = self.init.unwrap_or_else(Init::torch_default);
        let shape = [&[inputs, outputs / self.groups], &self.kernel[..]].concat();
        // As in PyTorch, which computes the fan-in as if the weight were that of a convolution.
        let fan_in = shape[1..].iter().product();
        ConvTranspose {
            weight: params.param("weight", &shape, init),
            bias: self.bias.then(|| params.param("bias", &[outputs], Init::torch_bias(fan_in))),
            options: self,
        }
    }
}
