//! Sliding windows as a tensor, and the transpose.

use crate::{Tensor, stack};

impl Tensor {
    /// The windows of size `kernel` of `self [N, C, H, W]` (or `[C, H, W]`) as columns, `[N, C * KH * KW, L]` with the `L` positions in
    /// row-major order, as `torch.nn.functional.unfold` (im2col).
    ///
    /// # Panics
    /// When the input is not `[N, C, H, W]` or `[C, H, W]`, the kernel is larger than the padded input, or a kernel size,
    /// dilation or stride is 0.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::from_slice(&device, &[1.0f32, 2.0, 3.0], &[1, 1, 1, 3])?;
    /// let columns = x.unfold([1, 2], [1; 2], [0; 2], [1; 2]);
    /// assert_eq!(columns.shape(), [1, 2, 2]);
    /// assert_eq!(columns.to_vec::<f32>()?, [1.0, 2.0, 2.0, 3.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn unfold(
        &self,
        kernel: [usize; 2],
        dilation: [usize; 2],
        padding: [usize; 2],
        stride: [usize; 2],
    ) -> Tensor {
        if self.rank() == 3 {
            return self.unsqueeze(0).unfold(kernel, dilation, padding, stride).squeeze(&[0]);
        }
        let x = self.shape();
        assert!(x.len() == 4, "unfold: input {x:?}, not [N, C, H, W]");
        positions("unfold", [x[2], x[3]], kernel, dilation, padding, stride);
        let [above, aside] = padding.map(|p| (p, p));
        let padded = self.pad_zeros(&[(0, 0), (0, 0), above, aside]);
        let rows = padded.windows(2, 2, kernel[0], stride[0], dilation[0]);
        let all = rows.windows(4, 3, kernel[1], stride[1], dilation[1]);
        all.reshape(&[x[0], x[1] * kernel[0] * kernel[1], all.shape()[4] * all.shape()[5]])
    }

    /// The transpose of [`unfold`](Tensor::unfold): adds up columns `self [N, C * KH * KW, L]` (or without `N`) in an image
    /// `[N, C, H, W]` of size `output`, as `torch.nn.functional.fold` (col2im).
    ///
    /// # Panics
    /// When the shape of the columns does not fit such an image.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let columns = Tensor::from_slice(&device, &[1.0f32, 2.0, 2.0, 3.0], &[1, 2, 2])?;
    /// let y = columns.fold([1, 3], [1, 2], [1; 2], [0; 2], [1; 2]);
    /// assert_eq!(y.to_vec::<f32>()?, [1.0, 4.0, 3.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn fold(
        &self,
        output: [usize; 2],
        kernel: [usize; 2],
        dilation: [usize; 2],
        padding: [usize; 2],
        stride: [usize; 2],
    ) -> Tensor {
        if self.rank() == 2 {
            return self.unsqueeze(0).fold(output, kernel, dilation, padding, stride).squeeze(&[0]);
        }
        let x = self.shape();
        let [rows, columns] = positions("fold", output, kernel, dilation, padding, stride);
        let size = kernel[0] * kernel[1];
        let fits = x.len() == 3 && x[1].is_multiple_of(size) && x[2] == rows * columns;
        assert!(fits, "fold: columns {x:?} for {rows} x {columns} windows {kernel:?} of an image {output:?}");
        let apart = self.reshape(&[x[0], x[1] / size, kernel[0], kernel[1], rows, columns]);
        let [height, width] = [0, 1].map(|d| output[d] + 2 * padding[d]);
        let wide = apart.overlap_add(3, 4, width, stride[1], dilation[1]);
        let padded = wide.overlap_add(2, 2, height, stride[0], dilation[0]);
        padded.narrow(2, padding[0], output[0]).narrow(3, padding[1], output[1])
    }

    /// Windows along `dim`, with a new dimension `at` for the position in a window: element `k` of window `o` is element
    /// `o * stride + k * dilation` of `self`.
    #[track_caller]
    pub(super) fn windows(
        &self,
        dim: usize,
        at: usize,
        kernel: usize,
        stride: usize,
        dilation: usize,
    ) -> Tensor {
        let count = (self.shape()[dim] - dilation * (kernel - 1) - 1) / stride + 1;
        let mut places = vec![];
        for k in 0..kernel {
            places.push(self.slice_view(dim, k * dilation, count, stride as isize));
        }
        stack(&places.iter().collect::<Vec<_>>(), at as isize)
    }

    /// The transpose of [`windows`](Tensor::windows), with `size` elements along `dim`, a dimension of the result, which lacks
    /// dimension `at`.
    #[track_caller]
    fn overlap_add(&self, at: usize, dim: usize, size: usize, stride: usize, dilation: usize) -> Tensor {
        let mut sum: Option<Tensor> = None;
        for k in 0..self.shape()[at] {
            let x = self.select(at as isize, k);
            let mut shape = x.shape().to_vec();
            shape[dim] = size;
            let mut places = vec![(0, 1); x.rank()];
            places[dim] = (k * dilation, stride as isize);
            let part = x.embed(&shape, &places);
            sum = Some(sum.map_or(part.clone(), |sum| sum + part));
        }
        sum.expect("a kernel has places")
    }
}

/// How many windows there are along height and width.
#[track_caller]
fn positions(
    op: &str,
    image: [usize; 2],
    kernel: [usize; 2],
    dilation: [usize; 2],
    padding: [usize; 2],
    stride: [usize; 2],
) -> [usize; 2] {
    let mut count = [0; 2];
    for d in 0..2 {
        let sizes = [kernel[d], dilation[d], stride[d]];
        assert!(
            sizes.iter().all(|&n| n > 0),
            "{op}: kernel {kernel:?}, dilation {dilation:?}, stride {stride:?}"
        );
        let (reach, padded) = (dilation[d] * (kernel[d] - 1) + 1, image[d] + 2 * padding[d]);
        assert!(reach <= padded, "{op}: the kernel covers {reach}, the padded image has {padded}");
        count[d] = (padded - reach) / stride[d] + 1;
    }
    count
}
