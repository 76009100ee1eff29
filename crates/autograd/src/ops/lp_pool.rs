//! Pooling by the p-norm.

use super::pool::{Pool, Pool1d, Pool2d};
use crate::Tensor;

impl Tensor {
    /// `sum(x^p)^(1/p)` of every window of `self [N, C, L]`, as `torch.nn.functional.lp_pool1d`. Windows have no padding or dilation; a
    /// window that extends beyond the end counts as if the rest were filled with the mean of what it covers. The gradient of a sum of 0
    /// is 0.
    ///
    /// # Panics
    /// When the input has other dimensions, or the windows do not fit.
    ///
    /// ```
    /// # use autograd::{Device, Pool1d, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::from_slice(&device, &[3.0f32, -4.0, 0.0, 2.0], &[1, 1, 4])?;
    /// assert_eq!(x.lp_pool1d(2.0, Pool1d::new(2)).to_vec::<f32>()?, [5.0, 2.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn lp_pool1d(&self, p: f32, pool: Pool1d) -> Tensor {
        check("lp_pool1d", p, &pool);
        let mean = self.power(p).avg_pool1d(pool, true);
        (mean * pool.kernel[0] as f32).root(p)
    }

    /// [`lp_pool1d`](Tensor::lp_pool1d), over windows of `[N, C, H, W]`, as `torch.nn.functional.lp_pool2d`.
    ///
    /// # Panics
    /// When the input has other dimensions, or the windows do not fit.
    ///
    /// ```
    /// # use autograd::{Device, Pool2d, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::from_slice(&device, &[1.0f32, 3.0, -1.0, 5.0], &[1, 1, 2, 2])?;
    /// assert_eq!(x.lp_pool2d(2.0, Pool2d::new(2)).item()?, 6.0);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn lp_pool2d(&self, p: f32, pool: Pool2d) -> Tensor {
        check("lp_pool2d", p, &pool);
        let mean = self.power(p).avg_pool2d(pool, true, None);
        (mean * (pool.kernel[0] * pool.kernel[1]) as f32).root(p)
    }

    #[track_caller]
    fn power(&self, p: f32) -> Tensor {
        if p == 2.0 { self.square() } else { self.pow(p) }
    }
}

#[track_caller]
fn check<const D: usize>(op: &str, p: f32, pool: &Pool<D>) {
    assert!(p > 0.0, "{op}: the norm's power is {p}");
    let plain = pool.padding == [0; D] && pool.dilation == [1; D];
    assert!(plain, "{op}: windows have no padding or dilation, not {pool:?}");
}
