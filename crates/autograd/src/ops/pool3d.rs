//! Max and average pooling over windows of `[N, C, D, H, W]`: over planes, then over depth.

use super::gather::position;
use super::pool::Pool3d;
use crate::Tensor;

impl Tensor {
    /// The largest element of every window, and its position (i32) in the volume `D * H * W`; from `[N, C, D, H, W]` or
    /// `[C, D, H, W]`.
    ///
    /// # Panics
    /// When the input has other dimensions, or the windows do not fit.
    ///
    /// ```
    /// # use autograd::{Device, Pool3d, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x: Vec<f32> = (0..8).map(|i| i as f32).collect();
    /// let (y, index) = Tensor::from_slice(&device, &x, &[1, 1, 2, 2, 2])?.max_pool3d(Pool3d::new(2));
    /// assert_eq!((y.item()?, index.to_vec::<i32>()?), (7.0, vec![7]));
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn max_pool3d(&self, pool: Pool3d) -> (Tensor, Tensor) {
        if self.rank() == 4 {
            let (y, index) = self.unsqueeze(0).max_pool3d(pool);
            return (y.squeeze(&[0]), index.squeeze(&[0]));
        }
        let [depth, height, width] = pool.output("max_pool3d", self);
        let (n, c, d) = (self.shape()[0], self.shape()[1], self.shape()[2]);
        let (planes, inside) = self.flatten(1, 2).max_pool2d(pool.planes([Some(1), Some(2)]));
        let (y, at) = planes.reshape(&[n, c, d, height * width]).max_pool2d(pool.planes([Some(0), None]));
        let shape = [n, c, depth, height, width];
        // `at` counts positions as depth first, then the windows of a plane.
        let at = at.reshape(&[n * c, depth * height * width]);
        let inside = inside.reshape(&[n * c, d * height * width]).gather(1, &at);
        let plane = self.shape()[3] * self.shape()[4];
        position("max_pool3d", d * plane);
        let starts: Vec<i32> =
            (0..d * height * width).map(|i| (i / (height * width) * plane) as i32).collect();
        let starts = Tensor::constant(self.device(), &starts, &[starts.len()]);
        let starts = starts.index_select(0, &at.reshape(&[at.numel()]));
        (y.reshape(&shape), inside.reshape(&shape) + starts.reshape(&shape))
    }

    /// The mean of every window, from `[N, C, D, H, W]` or `[C, D, H, W]`. With `count_include_pad`, padding counts as zeros.
    ///
    /// # Panics
    /// As [`max_pool3d`](Tensor::max_pool3d), or when a dilation is given.
    ///
    /// ```
    /// # use autograd::{Device, Pool3d, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x: Vec<f32> = (0..8).map(|i| i as f32).collect();
    /// let y = Tensor::from_slice(&device, &x, &[1, 1, 2, 2, 2])?.avg_pool3d(Pool3d::new(2), true);
    /// assert_eq!(y.item()?, 3.5);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn avg_pool3d(&self, pool: Pool3d, count_include_pad: bool) -> Tensor {
        assert!(pool.dilation == [1; 3], "avg_pool3d: dilation is not supported");
        if self.rank() == 4 {
            return self.unsqueeze(0).avg_pool3d(pool, count_include_pad).squeeze(&[0]);
        }
        let [depth, height, width] = pool.output("avg_pool3d", self);
        let (n, c, d) = (self.shape()[0], self.shape()[1], self.shape()[2]);
        // A window's size is the product of its extents, so that the mean over depth of plane means is the mean.
        let planes = self.flatten(1, 2).avg_pool2d(pool.planes([Some(1), Some(2)]), count_include_pad, None);
        let columns = planes.reshape(&[n, c, d, height * width]);
        let y = columns.avg_pool2d(pool.planes([Some(0), None]), count_include_pad, None);
        y.reshape(&[n, c, depth, height, width])
    }
}
