//! The common part of transposed convolution layers over one and two dimensions.

use super::sizes::Sizes;
use crate::{Init, Param, Params};

/// A transposed convolution layer over `D` dimensions: [`ConvTranspose1d`](crate::ConvTranspose1d) or
/// [`ConvTranspose2d`](crate::ConvTranspose2d).
pub struct ConvTranspose<const D: usize> {
    pub(super) weight: Param,
    pub(super) bias: Option<Param>,
    pub(super) options: Options<D>,
}

/// A [`ConvTranspose`] before its parameters exist. A single size applies to all dimensions.
#[must_use = "the layer is made by build()"]
pub struct ConvTransposeBuilder<const D: usize> {
    params: Params,
    options: Options<D>,
}

#[derive(Clone, Copy)]
pub(super) struct Options<const D: usize> {
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
    /// A layer with parameters under `params`, by default of stride 1, without padding and with a bias. Finish with
    /// [`build`](ConvTransposeBuilder::build).
    #[allow(clippy::new_ret_no_self)] // the options decide which parameters there are
    pub fn new(
        params: &Params,
        inputs: usize,
        outputs: usize,
        kernel: impl Sizes<D>,
    ) -> ConvTransposeBuilder<D> {
        let options = Options {
            channels: [inputs, outputs],
            kernel: kernel.sizes(),
            stride: [1; D],
            padding: [0; D],
            output_padding: [0; D],
            dilation: [1; D],
            groups: 1,
            bias: true,
            init: None,
        };
        ConvTransposeBuilder { params: params.clone(), options }
    }
}

impl<const D: usize> ConvTransposeBuilder<D> {
    /// Distance in the output between neighbouring elements of the input; 1 by default.
    pub fn stride(mut self, stride: impl Sizes<D>) -> Self {
        self.options.stride = stride.sizes();
        self
    }

    /// Number of elements cut off at both sides of every dimension of the output.
    pub fn padding(mut self, padding: impl Sizes<D>) -> Self {
        self.options.padding = padding.sizes();
        self
    }

    /// Number of elements added at the end of every dimension of the output.
    pub fn output_padding(mut self, output_padding: impl Sizes<D>) -> Self {
        self.options.output_padding = output_padding.sizes();
        self
    }

    /// Distance between the elements that a kernel writes; 1 by default.
    pub fn dilation(mut self, dilation: impl Sizes<D>) -> Self {
        self.options.dilation = dilation.sizes();
        self
    }

    /// Number of equal parts of the channels, within which connections stay; 1 by default.
    pub fn groups(mut self, groups: usize) -> Self {
        self.options.groups = groups;
        self
    }

    /// Without a bias, as before a normalisation.
    pub fn no_bias(mut self) -> Self {
        self.options.bias = false;
        self
    }

    /// The initialisation of the weight; by default PyTorch's.
    pub fn init(mut self, init: Init) -> Self {
        self.options.init = Some(init);
        self
    }

    /// Creates the layer and its parameters.
    ///
    /// # Panics
    /// When the groups do not divide the channels, a kernel size, stride or dilation is 0, or the output padding is not below the larger
    /// of stride and dilation.
    #[track_caller]
    pub fn build(self) -> ConvTranspose<D> {
        let ConvTransposeBuilder { params, options } = self;
        let [inputs, outputs] = options.channels;
        let fits = options.groups > 0
            && inputs.is_multiple_of(options.groups)
            && outputs.is_multiple_of(options.groups);
        assert!(fits, "ConvTranspose{D}d: {} groups for {inputs} -> {outputs} channels", options.groups);
        let Options { kernel, stride, dilation, output_padding, .. } = options;
        let some = [kernel, stride, dilation].iter().flatten().all(|&n| n > 0);
        assert!(some, "ConvTranspose{D}d: kernel {kernel:?}, stride {stride:?}, dilation {dilation:?}");
        let small = (0..D).all(|d| output_padding[d] < stride[d].max(dilation[d]));
        assert!(small, "ConvTranspose{D}d: output_padding {output_padding:?} for stride {stride:?}");
        let init = options.init.unwrap_or_else(Init::torch_default);
        let shape = [&[inputs, outputs / options.groups], &options.kernel[..]].concat();
        // As in PyTorch, which computes the fan-in as if the weight were that of a convolution.
        let fan_in = shape[1..].iter().product();
        ConvTranspose {
            weight: params.param("weight", &shape, init),
            bias: options.bias.then(|| params.param("bias", &[outputs], Init::torch_bias(fan_in))),
            options,
        }
    }
}
