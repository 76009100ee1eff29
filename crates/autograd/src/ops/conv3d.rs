//! Convolution over three dimensions.

use super::conv::{self, Steps};
use crate::{Padding, Tensor};

impl Tensor {
    /// Cross-correlation of `self [N, C, D, H, W]` (or `[C, D, H, W]`) with `weight [O, C / groups, KD, KH, KW]`, plus `bias [O]`, as
    /// `torch.nn.functional.conv3d`: `[N, O, D', H', W']`. It is computed as a 2D convolution: each position of the kernel in depth is
    /// an image, and the channels of all slices that the kernel covers there are its channels.
    ///
    /// # Panics
    /// When shapes do not fit, a kernel size, stride, dilation or group count is 0, or the kernel is larger than the padded
    /// input.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::ones(&device, &[1, 2, 3, 3, 3]);
    /// let w = Tensor::ones(&device, &[1, 2, 2, 3, 3]);
    /// let y = x.conv3d(&w, None, [1; 3], [0; 3], [1; 3], 1);
    /// assert_eq!(y.shape(), [1, 1, 2, 1, 1]);
    /// assert_eq!(y.to_vec::<f32>()?, [36.0, 36.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn conv3d(
        &self,
        weight: &Tensor,
        bias: Option<&Tensor>,
        stride: [usize; 3],
        padding: [usize; 3],
        dilation: [usize; 3],
        groups: usize,
    ) -> Tensor {
        if self.rank() == 4 {
            return self.unsqueeze(0).conv3d(weight, bias, stride, padding, dilation, groups).squeeze(&[0]);
        }
        conv::check("conv3d", self, weight, bias, Steps { stride, padding, dilation }, groups);
        let (depth, rest) = (padding[0], |of: [usize; 3]| [of[1], of[2]]);
        let x = self.permute(&[0, 2, 1, 3, 4]).pad_zeros(&[(0, 0), (depth, depth), (0, 0), (0, 0), (0, 0)]);
        // [N, D', C, KD, H, W]: the channels of a group stay together, in the order of the weight.
        let x = x.windows(1, 3, weight.shape()[2], stride[0], dilation[0]);
        let (images, w) = (x.shape(), weight.shape());
        let planes = x.reshape(&[images[0] * images[1], images[2] * images[3], images[4], images[5]]);
        let kernel = weight.reshape(&[w[0], w[1] * w[2], w[3], w[4]]);
        let y = planes.conv2d(&kernel, bias, rest(stride), rest(padding), rest(dilation), groups);
        y.reshape(&[images[0], images[1], w[0], y.shape()[2], y.shape()[3]]).permute(&[0, 2, 1, 3, 4])
    }

    /// [`conv3d`](Tensor::conv3d) of stride 1, padded so that the volume keeps its size (`padding="same"`); an odd number of zeros has
    /// the extra one at the end.
    ///
    /// # Panics
    /// When shapes do not fit, or a dilation or the group count is 0.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::ones(&device, &[1, 1, 2, 1, 1]);
    /// let w = Tensor::ones(&device, &[1, 1, 2, 3, 3]);
    /// assert_eq!(x.conv3d_same(&w, None, [1; 3], 1).to_vec::<f32>()?, [2.0, 1.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn conv3d_same(
        &self,
        weight: &Tensor,
        bias: Option<&Tensor>,
        dilation: [usize; 3],
        groups: usize,
    ) -> Tensor {
        let around = conv::same("conv3d_same", self, weight, dilation);
        self.pad(&around, Padding::Constant(0.0)).conv3d(weight, bias, [1; 3], [0; 3], dilation, groups)
    }
}
