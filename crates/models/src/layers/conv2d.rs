//! The two-dimensional convolution layer.

use autograd::Tensor;

use crate::{Init, Param, Params};

/// Cross-correlation from `[N, C, H, W]` to `[N, O, H', W']`. Parameters `weight [O, C / groups, K, K]` and, unless turned
/// off, `bias [O]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Conv2d, Init, Params};
/// let device = Device::named("cpu")?;
/// let layer = Conv2d::new(1, 1, 3).padding(1).init(Init::ONES).no_bias().build(&Params::new(&device, 0));
/// let y = layer.forward(&Tensor::ones(&device, &[1, 1, 2, 2]));
/// assert_eq!(y.to_vec::<f32>()?, [4.0; 4]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Conv2d {
    weight: Param,
    bias: Option<Param>,
    geometry: Conv2dBuilder,
}

/// Options of a [`Conv2d`], with PyTorch's defaults.
#[derive(Clone, Copy, Debug)]
pub struct Conv2dBuilder {
    channels: [usize; 2],
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
    groups: usize,
    bias: bool,
    init: Option<Init>,
}

impl Conv2d {
    /// A square kernel of size `kernel`; stride 1, no padding, a bias. Finish with [`build`](Conv2dBuilder::build).
    #[allow(clippy::new_ret_no_self)] // a layer's options come before its parameters exist
    pub fn new(inputs: usize, outputs: usize, kernel: usize) -> Conv2dBuilder {
        let channels = [inputs, outputs];
        Conv2dBuilder {
            channels,
            kernel,
            stride: 1,
            padding: 0,
            dilation: 1,
            groups: 1,
            bias: true,
            init: None,
        }
    }

    /// # Panics
    /// When `x` is not `[N, C, H, W]` with this layer's channels, or smaller than the kernel.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        let Conv2dBuilder { stride, padding, dilation, groups, .. } = self.geometry;
        let bias = self.bias.as_ref().map(Param::value);
        x.conv2d(&self.weight.value(), bias.as_ref(), [stride; 2], [padding; 2], [dilation; 2], groups)
    }
}

impl Conv2dBuilder {
    pub fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    pub fn padding(self, padding: usize) -> Self {
        Self { padding, ..self }
    }

    pub fn dilation(self, dilation: usize) -> Self {
        Self { dilation, ..self }
    }

    pub fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    pub fn no_bias(self) -> Self {
        Self { bias: false, ..self }
    }

    /// How the weight starts; PyTorch's default otherwise.
    pub fn init(self, init: Init) -> Self {
        Self { init: Some(init), ..self }
    }

    /// Makes the layer's parameters under `params`.
    ///
    /// # Panics
    /// When the groups do not divide the channels.
    #[track_caller]
    pub fn build(self, params: &Params) -> Conv2d {
        let [inputs, outputs] = self.channels;
        let fits =
            self.groups > 0 && inputs.is_multiple_of(self.groups) && outputs.is_multiple_of(self.groups);
        assert!(fits, "Conv2d: {} groups for {inputs} -> {outputs} channels", self.groups);
        let inputs = inputs / self.groups;
        let init = self.init.unwrap_or_else(Init::torch_default);
        let fan_in = inputs * self.kernel * self.kernel;
        Conv2d {
            weight: params.param("weight", &[outputs, inputs, self.kernel, self.kernel], init),
            bias: self.bias.then(|| params.param("bias", &[outputs], Init::torch_bias(fan_in))),
            geometry: self,
        }
    }
}
