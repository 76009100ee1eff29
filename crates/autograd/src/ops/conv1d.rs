//! Convolution over one dimension, as a 2D convolution over planes of height 1.

use super::conv::{self, Steps};
use crate::{Padding, Tensor};

impl Tensor {
    /// Cross-correlation of `self [N, C, L]` (or `[C, L]`) with `weight [O, C / groups, K]`, plus `bias [O]`, as
    /// `torch.nn.functional.conv1d`: `[N, O, L']`.
    ///
    /// # Panics
    /// When shapes do not fit, a kernel size, stride, dilation or group count is 0, or the kernel is larger than the padded
    /// input.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::from_slice(&device, &[1.0f32, 2.0, 3.0], &[1, 1, 3])?;
    /// let w = Tensor::from_slice(&device, &[1.0f32, 10.0], &[1, 1, 2])?;
    /// assert_eq!(x.conv1d(&w, None, 1, 0, 1, 1).to_vec::<f32>()?, [21.0, 32.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn conv1d(
        &self,
        weight: &Tensor,
        bias: Option<&Tensor>,
        stride: usize,
        padding: usize,
        dilation: usize,
        groups: usize,
    ) -> Tensor {
        if self.rank() == 2 {
            return self.unsqueeze(0).conv1d(weight, bias, stride, padding, dilation, groups).squeeze(&[0]);
        }
        let steps = Steps { stride: [stride], padding: [padding], dilation: [dilation] };
        conv::check("conv1d", self, weight, bias, steps, groups);
        let (x, weight) = (self.unsqueeze(2), weight.unsqueeze(2));
        x.conv2d(&weight, bias, [1, stride], [0, padding], [1, dilation], groups).squeeze(&[2])
    }

    /// [`conv1d`](Tensor::conv1d) of stride 1, padded so that the length stays the same (`padding="same"`); an odd number of zeros has
    /// the extra one at the end.
    ///
    /// # Panics
    /// When shapes do not fit, or the dilation or the group count is 0.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::from_slice(&device, &[1.0f32, 2.0, 3.0], &[1, 1, 3])?;
    /// let w = Tensor::from_slice(&device, &[1.0f32, 10.0], &[1, 1, 2])?;
    /// assert_eq!(x.conv1d_same(&w, None, 1, 1).to_vec::<f32>()?, [21.0, 32.0, 3.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn conv1d_same(
        &self,
        weight: &Tensor,
        bias: Option<&Tensor>,
        dilation: usize,
        groups: usize,
    ) -> Tensor {
        let around = conv::same("conv1d_same", self, weight, [dilation]);
        self.pad(&around, Padding::Constant(0.0)).conv1d(weight, bias, 1, 0, dilation, groups)
    }
}
