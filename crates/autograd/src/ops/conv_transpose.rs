//! Transposed convolutions: the input gradients of convolutions, with windows that add up where they overlap.

use gpu_core::kernels::Conv2dShape;

use super::conv::{add_bias, check_bias};
use super::conv2d::input_grad;
use crate::Tensor;

impl Tensor {
    /// Transposed convolution of `self [N, C, L]` (or `[C, L]`) with `weight [C, O / groups, K]`, plus `bias [O]`, as
    /// `torch.nn.functional.conv_transpose1d`: `[N, O, (L - 1) stride - 2 padding + dilation (K - 1) + output_padding + 1]`.
    ///
    /// # Panics
    /// As [`conv_transpose2d`](Tensor::conv_transpose2d).
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::from_slice(&device, &[1.0f32, 2.0], &[1, 1, 2])?;
    /// let w = Tensor::from_slice(&device, &[1.0f32, 10.0, 100.0], &[1, 1, 3])?;
    /// assert_eq!(x.conv_transpose1d(&w, None, 2, 0, 0, 1, 1).to_vec::<f32>()?, [1.0, 10.0, 102.0, 20.0, 200.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    #[allow(clippy::too_many_arguments)] // PyTorch's
    pub fn conv_transpose1d(
        &self,
        weight: &Tensor,
        bias: Option<&Tensor>,
        stride: usize,
        padding: usize,
        output_padding: usize,
        groups: usize,
        dilation: usize,
    ) -> Tensor {
        let (x, w) = (self.shape(), weight.shape());
        let fits = (x.len() == 3 || x.len() == 2) && w.len() == 3;
        assert!(fits, "conv_transpose1d: input {x:?}, weight {w:?}: both have 3 dimensions");
        let (x, w) = (self.unsqueeze(-2), weight.unsqueeze(-2));
        let (stride, padding, dilation) = ([1, stride], [0, padding], [1, dilation]);
        let y = x.conv_transpose2d(&w, bias, stride, padding, [0, output_padding], groups, dilation);
        y.squeeze(&[-2])
    }

    /// Transposed convolution of `self [N, C, H, W]` (or `[C, H, W]`) with `weight [C, O / groups, KH, KW]`, plus `bias [O]`,
    /// as `torch.nn.functional.conv_transpose2d`: `[N, O, H', W']` with
    /// `H' = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1`. Each input adds its multiple of the kernel to
    /// the output; `padding` cuts off the edges of that, and `output_padding` moves the last ones out again.
    ///
    /// # Panics
    /// When shapes do not fit, a stride, dilation or group count is 0, an `output_padding` is not smaller than the stride
    /// or the dilation, or nothing is left of the output.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::from_slice(&device, &[1.0f32, 2.0], &[1, 1, 1, 2])?;
    /// let w = Tensor::from_slice(&device, &[1.0f32, 2.0, 3.0, 4.0], &[1, 1, 2, 2])?;
    /// let y = x.conv_transpose2d(&w, None, [1; 2], [0; 2], [0; 2], 1, [1; 2]);
    /// assert_eq!(y.to_vec::<f32>()?, [1.0, 4.0, 4.0, 3.0, 10.0, 8.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    #[allow(clippy::too_many_arguments)] // PyTorch's
    pub fn conv_transpose2d(
        &self,
        weight: &Tensor,
        bias: Option<&Tensor>,
        stride: [usize; 2],
        padding: [usize; 2],
        output_padding: [usize; 2],
        groups: usize,
        dilation: [usize; 2],
    ) -> Tensor {
        if self.rank() == 3 {
            let x = self.unsqueeze(0);
            let y = x.conv_transpose2d(weight, bias, stride, padding, output_padding, groups, dilation);
            return y.squeeze(&[0]);
        }
        let (x, w) = (self.shape(), weight.shape());
        let shapes = format!("conv_transpose2d: input {x:?}, weight {w:?}, groups {groups}");
        assert!(x.len() == 4 && w.len() == 4, "{shapes}: both have 4 dimensions");
        let fits = groups > 0 && x[1] == w[0] && w[0].is_multiple_of(groups);
        assert!(fits, "{shapes}: channels do not fit");
        let moves = stride.iter().chain(&dilation).all(|&n| n > 0);
        assert!(moves, "{shapes}: stride {stride:?}, dilation {dilation:?}");
        let channels = w[1] * groups;
        check_bias("conv_transpose2d", bias, channels);
        self.expect_float("conv_transpose2d");
        weight.expect_float("conv_transpose2d");

        let (mut output, mut behind) = ([0; 2], [(0, 0); 4]);
        for d in 0..2 {
            let (n, k, extra) = (x[d + 2], w[d + 2], output_padding[d]);
            let bound = stride[d].max(dilation[d]);
            assert!(extra < bound, "{shapes}: output_padding {output_padding:?}, but stride {stride:?}");
            let whole = (n.max(1) - 1) * stride[d] + dilation[d] * (k.max(1) - 1) + 1 + extra;
            let left = n > 0 && k > 0 && whole > 2 * padding[d];
            assert!(left, "{shapes}: padding {padding:?} leaves nothing of the output");
            output[d] = whole - 2 * padding[d];
            // The convolution would have as many outputs more as strides fit into what is added.
            behind[d + 2].1 = extra / stride[d];
        }
        let shape = Conv2dShape {
            batch: x[0],
            in_channels: channels,
            out_channels: w[0],
            groups,
            input: output,
            kernel: [w[2], w[3]],
            stride,
            padding,
            dilation,
        };
        add_bias(input_grad(shape, &self.pad_zeros(&behind), weight), bias)
    }
}
