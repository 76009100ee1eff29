//! Distances and similarities of vectors.

use crate::Tensor;

impl Tensor {
    /// The p-norm of `self - other + eps` over the last dimension, as `torch.nn.functional.pairwise_distance`, where `p` is 2 and `eps`
    /// 1e-6 by default.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let [a, b] = [[1.0f32, 2.0], [4.0, 6.0]].map(|v| Tensor::constant(&device, &v, &[1, 2]));
    /// assert_eq!(a.pairwise_distance(&b, 2.0, 0.0).to_vec::<f32>()?, [5.0]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn pairwise_distance(&self, other: &Tensor, p: f32, eps: f32) -> Tensor {
        (self - other + eps).norm(p, &[-1], false)
    }

    /// The cosine of the angle between vectors along `dim`; norms below `eps` (1e-8 in torch) count as `eps`.
    ///
    /// ```
    /// # use autograd::{Device, Tensor};
    /// let device = Device::named("cpu")?;
    /// let [a, b] = [[1.0f32, 0.0], [3.0, 4.0]].map(|v| Tensor::constant(&device, &v, &[1, 2]));
    /// assert!((a.cosine_similarity(&b, 1, 1e-8).item()? - 0.6).abs() < 1e-6);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn cosine_similarity(&self, other: &Tensor, dim: isize, eps: f32) -> Tensor {
        (self.normalize(2.0, dim, eps) * other.normalize(2.0, dim, eps)).sum(&[dim], false)
    }

    /// The p-norm distances between all pairs of rows, as `torch.cdist`: `[.., P, M]` and `[.., R, M]` give `[.., P, R]`; leading
    /// dimensions broadcast. Manhattan distance for `p` 1, Euclidean for 2, Chebyshev for infinity, Minkowski otherwise. The gradient
    /// of a distance of 0 is 0.
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
    /// When either has fewer than two dimensions, or the rows' lengths differ.
    #[track_caller]
    pub fn cdist(&self, other: &Tensor, p: f32) -> Tensor {
        let (a, b) = (self.shape(), other.shape());
        let fits = a.len() >= 2 && b.len() >= 2 && a.last() == b.last();
        assert!(fits, "cdist: shapes {a:?} and {b:?}");
        (self.unsqueeze(-2) - other.unsqueeze(-3)).norm(p, &[-1], false)
    }
}
