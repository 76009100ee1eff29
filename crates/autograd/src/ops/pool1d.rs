//! Max and average pooling over windows of `[N, C, L]`, as planes of height 1.

use super::pool::Pool1d;
use crate::Tensor;

impl Tensor {
    /// The largest element of every window, and its position (i32) along `L`; from `[N, C, L]` or `[C, L]`.
    ///
    /// # Panics
    /// When the input has other dimensions, or the windows do not fit.
    ///
    /// ```
    /// # use autograd::{Device, Pool1d, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::from_slice(&device, &[1.0f32, 3.0, 2.0, 0.0], &[1, 1, 4])?;
    /// let (y, index) = x.max_pool1d(Pool1d::new(2));
    /// assert_eq!(y.to_vec::<f32>()?, [3.0, 2.0]);
    /// assert_eq!(index.to_vec::<i32>()?, [1, 2]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn max_pool1d(&self, pool: Pool1d) -> (Tensor, Tensor) {
        if self.rank() == 2 {
            let (y, index) = self.unsqueeze(0).max_pool1d(pool);
            return (y.squeeze(&[0]), index.squeeze(&[0]));
        }
        pool.output("max_pool1d", self);
        let (y, index) = self.unsqueeze(-2).max_pool2d(pool.planes([None, Some(0)]));
        (y.squeeze(&[-2]), index.squeeze(&[-2]))
    }

    /// The mean of every window, from `[N, C, L]` or `[C, L]`. With `count_include_pad`, padding counts as zeros.
    ///
    /// # Panics
    /// As [`max_pool1d`](Tensor::max_pool1d), or when a dilation is given.
    ///
    /// ```
    /// # use autograd::{Device, Pool1d, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::from_slice(&device, &[1.0f32, 3.0, 2.0, 0.0], &[1, 1, 4])?;
    /// assert_eq!(x.avg_pool1d(Pool1d::new(2), true).to_vec::<f32>()?, [2.0, 1.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn avg_pool1d(&self, pool: Pool1d, count_include_pad: bool) -> Tensor {
        assert!(pool.dilation == [1], "avg_pool1d: dilation is not supported");
        if self.rank() == 2 {
            return self.unsqueeze(0).avg_pool1d(pool, count_include_pad).squeeze(&[0]);
        }
        pool.output("avg_pool1d", self);
        self.unsqueeze(-2).avg_pool2d(pool.planes([None, Some(0)]), count_include_pad, None).squeeze(&[-2])
    }
}
