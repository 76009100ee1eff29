//! Principal components.

use autograd::Tensor;

use crate::{Error, svd};

/// The principal components of points `[N, D]` (Pearson 1901), by a singular value decomposition of the centred points.
///
/// ```
/// # use autograd::{Device, Tensor};
/// use linalg::Pca;
/// let device = Device::named("cpu")?;
/// let x = Tensor::from_slice(&device, &[1.0f32, 1.0, 3.0, 3.0, 5.0, 5.0], &[3, 2])?;
/// let pca = Pca::fit(&x, 1)?;
/// assert!((pca.variances[0] - 8.0).abs() < 1e-5 && pca.variances[1].abs() < 1e-5);
/// let codes = pca.transform(&x);
/// assert_eq!(codes.shape(), [3, 1]);
/// assert!(pca.inverse_transform(&codes).pairwise_distance(&x, 2.0, 0.0).sum_all().item()? < 1e-5);
/// # Ok::<(), linalg::Error>(())
/// ```
#[doc(alias = "pca_lowrank")]
#[derive(Clone, Debug)]
pub struct Pca {
    /// The mean of the points, `[D]`.
    pub mean: Tensor,
    /// Orthonormal rows `[k, D]` by descending variance. The entry of largest magnitude in each row is positive.
    pub components: Tensor,
    /// The variances along all components, including those not kept, with the divisor `N - 1`.
    pub variances: Vec<f64>,
}

impl Pca {
    /// Fits the first `k` components of points `x [N, D]`.
    ///
    /// # Errors
    /// As [`svd`].
    ///
    /// # Panics
    /// When `x` is not a matrix, has fewer than two points, or has fewer than `k` components.
    #[track_caller]
    pub fn fit(x: &Tensor, k: usize) -> Result<Pca, Error> {
        let fits = x.rank() == 2 && x.shape()[0] > 1 && k <= x.shape()[0].min(x.shape()[1]);
        assert!(fits, "Pca: {k} components of {:?}", x.shape());
        let mean = x.mean(&[0], false);
        let (_, s, vh) = svd(&(x - &mean))?;
        let degrees = (x.shape()[0] - 1) as f64;
        let variances = s.to_vec::<f32>()?.iter().map(|&s| f64::from(s).powi(2) / degrees).collect();
        let rows = vh.narrow(0, 0, k);
        let largest = rows.gather(1, &rows.abs().argmax(1, true));
        Ok(Pca { mean, components: rows * largest.sign(), variances })
    }

    /// Codes `[.., k]` of points `[.., D]`.
    ///
    /// # Panics
    /// When the points do not have `D` features.
    #[track_caller]
    pub fn transform(&self, x: &Tensor) -> Tensor {
        (x - &self.mean).linear(&self.components, None)
    }

    /// Codes `[.., k]` of points `[.., D]`, divided by their standard deviations: the codes of the fitted data have unit covariance.
    ///
    /// # Panics
    /// When the points do not have `D` features.
    #[track_caller]
    pub fn whiten(&self, x: &Tensor) -> Tensor {
        let kept = &self.variances[..self.components.shape()[0]];
        let deviations: Vec<f32> = kept.iter().map(|v| v.sqrt() as f32).collect();
        self.transform(x) / Tensor::constant(self.mean.device(), &deviations, &[deviations.len()])
    }

    /// Reconstructs points `[.., D]` from codes `[.., k]`.
    ///
    /// # Panics
    /// When a code does not have `k` elements.
    #[track_caller]
    pub fn inverse_transform(&self, codes: &Tensor) -> Tensor {
        codes.matmul(&self.components) + &self.mean
    }

    /// Each component's share of the total variance, including components that are not kept.
    pub fn explained_variance_ratio(&self) -> Vec<f64> {
        let sum: f64 = self.variances.iter().sum();
        self.variances.iter().map(|v| v / sum).collect()
    }
}
