//! The common part of convolution layers over one, two and three dimensions.

use autograd::{Padding, Tensor};

use super::sizes::Sizes;
use crate::{Init, Param, Params};

/// A convolution layer over `D` dimensions: [`Conv1d`](crate::Conv1d), [`Conv2d`](crate::Conv2d) or
/// [`Conv3d`](crate::Conv3d).
pub struct Conv<const D: usize> {
    weight: Param,
    bias: Option<Param>,
    options: ConvBuilder<D>,
}

/// Options of a [`Conv`], with PyTorch's defaults. A single size applies to all dimensions.
#[derive(Clone, Copy, Debug)]
pub struct ConvBuilder<const D: usize> {
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
    /// Stride 1, no padding, a bias. Finish with [`build`](ConvBuilder::build).
    #[allow(clippy::new_ret_no_self)] // a layer's options come before its parameters exist
    pub fn new(inputs: usize, outputs: usize, kernel: impl Sizes<D>) -> ConvBuilder<D> {
        ConvBuilder {
            channels: [inputs, outputs],
            kernel: kernel.sizes(),
            stride: [1; D],
            padding: Some([0; D]),
            padding_mode: Padding::Constant(0.0),
            dilation: [1; D],
            groups: 1,
            bias: true,
            init: None,
        }
    }

    /// The operands and options of the convolution. The input is padded here if the convolution itself cannot (other modes than zeros, or
    /// uneven sides).
    #[track_caller]
    pub(super) fn arguments(&self, x: &Tensor) -> Arguments<D> {
        let ConvBuilder { channels, stride, dilation, groups, padding_mode, .. } = self.options;
        let s = x.shape();
        let fits = (s.len() == D + 1 || s.len() == D + 2) && s[s.len() - D - 1] == channels[0];
        assert!(fits, "conv{D}d: input {s:?}, weight {:?}", self.weight.value().shape());
        let (weight, bias) = (self.weight.value(), self.bias.as_ref().map(Param::value));
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
    pub fn stride(self, stride: impl Sizes<D>) -> Self {
        Self { stride: stride.sizes(), ..self }
    }

    /// Padding on both sides of every dimension.
    pub fn padding(self, padding: impl Sizes<D>) -> Self {
        Self { padding: Some(padding.sizes()), ..self }
    }

    /// Pads so that the output has the size of the input; an odd amount puts one more element at the end.
    pub fn padding_same(self) -> Self {
        Self { padding: None, ..self }
    }

    /// How the input is padded; with zeros by default.
    pub fn padding_mode(self, padding_mode: Padding) -> Self {
        Self { padding_mode, ..self }
    }

    pub fn dilation(self, dilation: impl Sizes<D>) -> Self {
        Self { dilation: dilation.sizes(), ..self }
    }

    /// With as many groups as input channels, the convolution is depthwise.
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
    /// When the groups do not divide the channels, a kernel size, stride or dilation is 0, or [`padding_same`](ConvBuilder::padding_same)
    /// is combined with a stride.
    #[track_caller]
    pub fn build(self, params: &Params) -> Conv<D> {
        let [inputs, outputs] = self.channels;
        let fits =
            self.groups > 0 && inputs.is_multiple_of(self.groups) && outputs.is_multiple_of(self.groups);
        assert!(fits, "Conv{D}d: {} groups for {inputs} -> {outputs} channels", self.groups);
        let ConvBuilder { kernel, stride, dilation, .. } = self;
        let some = [kernel, stride, dilation].iter().flatten().all(|&n| n > 0);
        assert!(some, "Conv{D}d: kernel {kernel:?}, stride {stride:?}, dilation {dilation:?}");
        let moves = self.padding.is_some() || stride == [1; D];
        assert!(moves, "Conv{D}d: the size is not kept with stride {stride:?}");
        let inputs = inputs / self.groups;
        let init = self.init.unwrap_or_else(Init::torch_default);
        let fan_in = inputs * self.kernel.iter().product::<usize>();
        let shape = [&[outputs, inputs], &self.kernel[..]].concat();
        Conv {
            weight: params.param("weight", &shape, init),
            bias: self.bias.then(|| params.param("bias", &[outputs], Init::torch_bias(fan_in))),
            options: self,
        }
    }

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
