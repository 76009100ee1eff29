//! The common part of convolution layers over one, two and three dimensions.

use autograd::{Padding, Tensor};

use super::sizes::Sizes;
use crate::{Init, Param, Params};

/// A convolution layer over `D` dimensions: [`Conv1d`](crate::Conv1d), [`Conv2d`](crate::Conv2d) or
/// [`Conv3d`](crate::Conv3d).
pub struct Conv<const D: usize> {
    weight: Param,
    bias: Option<Param>,
    options: Options<D>,
}

/// A [`Conv`] before its parameters exist. A single size applies to all dimensions.
#[must_use = "the layer is made by build()"]
pub struct ConvBuilder<const D: usize> {
    params: Params,
    options: Options<D>,
}

#[derive(Clone, Copy)]
struct Options<const D: usize> {
    channels: [usize; 2],
    kernel: [usize; D],
    stride: [usize; D],
    /// `None` to keep the input's size.
    padding: Option<[usize; D]>,
    padding_mode: Padding,
    dilation: [usize; D],
    groups: usize,
    bias: bool,
    init: Option<Init>,
}

impl<const D: usize> Conv<D> {
    /// A layer with parameters under `params`, by default of stride 1, without padding and with a bias. Finish with
    /// [`build`](ConvBuilder::build).
    #[allow(clippy::new_ret_no_self)] // the options decide which parameters there are
    pub fn new(params: &Params, inputs: usize, outputs: usize, kernel: impl Sizes<D>) -> ConvBuilder<D> {
        let options = Options {
            channels: [inputs, outputs],
            kernel: kernel.sizes(),
            stride: [1; D],
            padding: Some([0; D]),
            padding_mode: Padding::Constant(0.0),
            dilation: [1; D],
            groups: 1,
            bias: true,
            init: None,
        };
        ConvBuilder { params: params.clone(), options }
    }

    /// The operands and options of the convolution. The input is padded here if the convolution itself cannot (other modes than zeros, or
    /// uneven sides).
    #[track_caller]
    pub(super) fn arguments(&self, x: &Tensor) -> Arguments<D> {
        let Options { channels, stride, dilation, groups, padding_mode, .. } = self.options;
        let s = x.shape();
        let fits = (s.len() == D + 1 || s.len() == D + 2) && s[s.len() - D - 1] == channels[0];
        let (weight, inputs) = (self.weight.value(), channels[0]);
        assert!(
            fits,
            "conv{D}d: input {s:?}, weight {:?}: {inputs} channels are expected in dimension 1 of {}",
            weight.shape(),
            D + 2
        );
        let bias = self.bias.as_ref().map(Param::value);
        let around = self.options.around();
        let even = around.iter().all(|(before, after)| before == after);
        let (x, padding) = if even && padding_mode == Padding::Constant(0.0) {
            (x.clone(), around.map(|(before, _)| before as usize))
        } else {
            let last_first: Vec<(isize, isize)> = around.iter().rev().copied().collect();
            (x.pad(&last_first, padding_mode), [0; D])
        };
        Arguments { x, weight, bias, stride, padding, dilation, groups }
    }
}

/// The operands and options of a convolution.
pub(super) struct Arguments<const D: usize> {
    pub x: Tensor,
    pub weight: Tensor,
    pub bias: Option<Tensor>,
    pub stride: [usize; D],
    pub padding: [usize; D],
    pub dilation: [usize; D],
    pub groups: usize,
}

impl<const D: usize> ConvBuilder<D> {
    /// Step of the window along every dimension; 1 by default.
    pub fn stride(mut self, stride: impl Sizes<D>) -> Self {
        self.options.stride = stride.sizes();
        self
    }

    /// Padding on both sides of every dimension.
    pub fn padding(mut self, padding: impl Sizes<D>) -> Self {
        self.options.padding = Some(padding.sizes());
        self
    }

    /// Pads so that the output has the size of the input; an odd amount puts one more element at the end.
    pub fn padding_same(mut self) -> Self {
        self.options.padding = None;
        self
    }

    /// How the input is padded; with zeros by default.
    pub fn padding_mode(mut self, padding_mode: Padding) -> Self {
        self.options.padding_mode = padding_mode;
        self
    }

    /// Distance between the elements that a kernel reads; 1 by default.
    pub fn dilation(mut self, dilation: impl Sizes<D>) -> Self {
        self.options.dilation = dilation.sizes();
        self
    }

    /// With as many groups as input channels, the convolution is depthwise.
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
    /// When the groups do not divide the channels, a kernel size, stride or dilation is 0, or [`padding_same`](ConvBuilder::padding_same)
    /// is combined with a stride.
    #[track_caller]
    pub fn build(self) -> Conv<D> {
        let ConvBuilder { params, options } = self;
        let [inputs, outputs] = options.channels;
        let fits = options.groups > 0
            && inputs.is_multiple_of(options.groups)
            && outputs.is_multiple_of(options.groups);
        assert!(fits, "Conv{D}d: {} groups for {inputs} -> {outputs} channels", options.groups);
        let Options { kernel, stride, dilation, .. } = options;
        let some = [kernel, stride, dilation].iter().flatten().all(|&n| n > 0);
        assert!(some, "Conv{D}d: kernel {kernel:?}, stride {stride:?}, dilation {dilation:?}");
        let moves = options.padding.is_some() || stride == [1; D];
        assert!(moves, "Conv{D}d: the size is not kept with stride {stride:?}");
        let inputs = inputs / options.groups;
        let init = options.init.unwrap_or_else(Init::torch_default);
        let fan_in = inputs * options.kernel.iter().product::<usize>();
        let shape = [&[outputs, inputs], &options.kernel[..]].concat();
        Conv {
            weight: params.param("weight", &shape, init),
            bias: options.bias.then(|| params.param("bias", &[outputs], Init::torch_bias(fan_in))),
            options,
        }
    }
}

impl<const D: usize> Options<D> {
    /// Padding before and after every dimension.
    fn around(&self) -> [(isize, isize); D] {
        std::array::from_fn(|d| match self.padding {
            Some(padding) => (padding[d] as isize, padding[d] as isize),
            None => {
                let total = (self.dilation[d] * self.kernel[d].saturating_sub(1)) as isize;
                (total / 2, total - total / 2)
            }
        })
    }
}
