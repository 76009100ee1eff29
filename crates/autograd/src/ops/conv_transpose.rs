//! Transposed convolutions: the input gradients of convolutions. Overlapping windows add up.

use gpu_core::kernels::Conv2dShape;

use super::conv::{Steps, check_bias, with_bias};
use super::conv2d::input_grad;
use crate::{Tensor, autocast};

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
    #[allow(clippy::too_many_arguments)] // as PyTorch
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
        if self.rank() == 2 {
            let x = self.unsqueeze(0);
            let y = x.conv_transpose1d(weight, bias, stride, padding, output_padding, groups, dilation);
            return y.squeeze(&[0]);
        }
        let steps = Steps { stride: [stride], padding: [padding], dilation: [dilation] };
        output_size("conv_transpose1d", self, weight, bias, steps, [output_padding], groups);
        let (x, w) = (self.unsqueeze(2), weight.unsqueeze(2));
        let (stride, padding, dilation) = ([1, stride], [0, padding], [1, dilation]);
        let y = x.conv_transpose2d(&w, bias, stride, padding, [0, output_padding], groups, dilation);
        y.squeeze(&[2])
    }

    /// Transposed convolution of `self [N, C, H, W]` (or `[C, H, W]`) with `weight [C, O / groups, KH, KW]`, plus `bias [O]`, as
    /// `torch.nn.functional.conv_transpose2d`: `[N, O, H', W']` with
    /// `H' = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1`. Each input adds the kernel, scaled by it, to the
    /// output; `padding` crops the output on all sides, and `output_padding` extends it at the end.
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
    #[allow(clippy::too_many_arguments)] // as PyTorch
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
        let steps = Steps { stride, padding, dilation };
        let input = output_size("conv_transpose2d", self, weight, bias, steps, output_padding, groups);
        let (x, w) = (self.shape(), weight.shape());
        let shape = Conv2dShape {
            batch: x[0],
            in_channels: w[1] * groups,
            out_channels: w[0],
            groups,
            input,
            kernel: [w[2], w[3]],
            stride,
            padding,
            dilation,
        };
        // The convolution has one more output for every stride that fits into `output_padding`.
        let [below, beside] = [0, 1].map(|d| (0, output_padding[d] / stride[d]));
        let padded = self.pad_zeros(&[(0, 0), (0, 0), below, beside]);
        let inside = autocast::inside();
        let y = input_grad(shape, &padded, weight);
        drop(inside);
        with_bias(self, y, bias)
    }
}

/// The sizes of the output.
///
/// # Panics
/// When shapes do not fit, or there is no output.
#[track_caller]
fn output_size<const D: usize>(
    op: &str,
    input: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    steps: Steps<D>,
    output_padding: [usize; D],
    groups: usize,
) -> [usize; D] {
    let (x, w) = (input.shape(), weight.shape());
    let shapes = format!("{op}: input {x:?}, weight {w:?}, groups {groups}");
    assert!(x.len() == D + 2 && w.len() == D + 2, "{shapes}: both have {} dimensions", D + 2);
    let fits = groups > 0 && x[1] == w[0] && w[0].is_multiple_of(groups);
    assert!(fits, "{shapes}: channels do not fit");
    check_bias(op, bias, w[1] * groups);
    input.expect_float(op);
    weight.expect_float(op);
    let Steps { stride, padding, dilation } = steps;
    let mut output = [0; D];
    for d in 0..D {
        let (n, k, step, apart, extra) = (x[d + 2], w[d + 2], stride[d], dilation[d], output_padding[d]);
        assert!(step > 0 && apart > 0, "{shapes}: stride {stride:?}, dilation {dilation:?}");
        let small = extra < step.max(apart);
        assert!(small, "{shapes}: output_padding {output_padding:?} for stride {stride:?}");
        assert!(n > 0 && k > 0, "{shapes}: no elements");
        let whole = (n - 1) * step + apart * (k - 1) + extra + 1;
        assert!(whole > 2 * padding[d], "{shapes}: padding {padding:?} leaves nothing of the output");
        output[d] = whole - 2 * padding[d];
    }
    output
}
