//! Local response normalisation (Krizhevsky et al. 2012).

use super::pool::{Pool, Pool2d};
use crate::{Padding, Tensor};

impl Tensor {
    /// `x / (k + alpha mean(x^2))^beta`, the mean over a window of `size` neighbouring channels of `self [N, C, ..]`, with zeros beyond
    /// the first and the last; as `torch.nn.functional.local_response_norm` (the paper's `alpha` is PyTorch's divided by `size`).
    ///
    /// # Panics
    /// When there are fewer than 3 dimensions or `size` is 0.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let x = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 2.0], &[1, 2, 1])?;
    /// // 1 / (1 + 2 (0 + 1) / 2) and 2 / (1 + 2 (1 + 4) / 2).
    /// assert_eq!(x.local_response_norm(2, 2.0, 1.0, 1.0).to_vec::<f32>()?, [0.5, 2.0 / 6.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn local_response_norm(&self, size: usize, alpha: f32, beta: f32, k: f32) -> Tensor {
        let x = self.shape();
        assert!(x.len() >= 3 && size > 0, "local_response_norm: input {x:?}, size {size}");
        self.expect_float("local_response_norm");
        // Channels become the height of a plane.
        let planes = self.square().reshape(&[x[0], 1, x[1], x[2..].iter().product()]);
        let around = [(0, 0), ((size / 2) as isize, ((size - 1) / 2) as isize)];
        let window = Pool2d { kernel: [size, 1], ..Pool::new(1) };
        let mean = planes.pad(&around, Padding::Constant(0.0)).avg_pool2d(window, true, None);
        self / (mean.reshape(x) * alpha + k).pow(beta)
    }
}
