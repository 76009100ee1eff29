//! Distances between points.

use crate::Tensor;

impl Tensor {
    /// The p-norm distances between all pairs of rows, as `torch.cdist`: `[.., P, M]` and `[.., R, M]` give `[.., P, R]`; leading dimensions
    /// broadcast. Manhattan's for `p` 1, Euclid's for 2, Chebyshev's for infinity, Minkowski's for others. The gradient of a distance
    /// of 0 is 0.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let x = Tensor::from_slice(&device, &[0.0f32, 0.0, 1.0, 2.0], &[2, 2])?;
    /// let y = Tensor::from_slice(&device, &[3.0f32, 4.0], &[1, 2])?;
    /// assert_eq!(x.cdist(&y, 1.0).to_vec::<f32>()?, [7.0, 4.0]);
    /// assert_eq!(x.cdist(&y, f32::INFINITY).to_vec::<f32>()?, [4.0, 2.0]);
    /// assert_eq!(x.cdist(&y, 2.0).narrow(0, 0, 1).item()?, 5.0);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When either is not made of rows, or their lengths differ.
    #[track_caller]
    pub fn cdist(&self, other: &Tensor, p: f32) -> Tensor {
        let (a, b) = (self.shape(), other.shape());
        let fits = a.len() >= 2 && b.len() >= 2 && a.last() == b.last();
        assert!(fits, "cdist: shapes {a:?} and {b:?}");
        (self.unsqueeze(-2) - other.unsqueeze(-3)).norm(p, &[-1], false)
    }
}
