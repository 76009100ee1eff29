//! The linear map of a flow that starts as a normal distribution.

use autograd::Tensor;
use linalg::Pca;

use super::Bijection;

/// The fixed linear map that gives rows like the fitted ones `[N, D]` mean 0 and the identity as covariance, and changes them least (ZCA; Bell
/// and Sejnowski 1997): `z = (x - mean) C^(-1/2)`. A [`NormalizingFlow`](super::NormalizingFlow) of it alone is the normal distribution with the
/// mean and covariance `C` of the rows, the most likely one; layers after it improve on that.
///
/// ```
/// use autograd::{Device, Generator};
/// use methods::generative::{Bijection, Whitening};
/// let device = Device::named("cpu")?;
/// let x = Generator::new(1).normal(&device, &[500, 2]).cumsum(1) + 5.0;
/// let (z, _) = Whitening::fit(&x)?.forward(&x);
/// let covariance = (z.t().matmul(&z) / 499.0).to_vec::<f32>()?;
/// assert!((covariance[0] - 1.0).abs() < 1e-4 && covariance[1].abs() < 1e-4);
/// # Ok::<(), linalg::Error>(())
/// ```
pub struct Whitening {
    mean: Tensor,
    /// `C^(-1/2)`, which is symmetric.
    map: Tensor,
    /// `C^(1/2)`
    back: Tensor,
    log_det: f64,
}

impl Whitening {
    /// Fits to rows `x [N, D]`, more than `D`.
    ///
    /// # Errors
    /// Those of [`Pca::fit`].
    ///
    /// # Panics
    /// When the rows vary in fewer than `D` directions.
    #[track_caller]
    pub fn fit(x: &Tensor) -> Result<Whitening, linalg::Error> {
        let dim = x.size(-1);
        let Pca { mean, components, variances } = Pca::fit(x, dim)?;
        let flat = variances.iter().filter(|&&v| v <= 0.0).count();
        assert_eq!(flat, 0, "Whitening: {flat} directions of {dim} in which the rows do not vary");
        let scaled = |power: f64| {
            let scales: Vec<f32> = variances.iter().map(|v| v.powf(power) as f32).collect();
            let scales = Tensor::constant(x.device(), &scales, &[dim, 1]);
            components.t().matmul(&(&components * scales)).detach()
        };
        let log_det = -0.5 * variances.iter().map(|v| v.ln()).sum::<f64>();
        Ok(Whitening { mean: mean.detach(), map: scaled(-0.5), back: scaled(0.5), log_det })
    }
}

impl Bijection for Whitening {
    fn forward(&self, x: &Tensor) -> (Tensor, Tensor) {
        let log_det = Tensor::full(x.device(), self.log_det as f32, &x.shape()[..1]);
        ((x - &self.mean).matmul(&self.map), log_det)
    }

    fn inverse(&self, z: &Tensor) -> Tensor {
        z.matmul(&self.back) + &self.mean
    }
}

#[cfg(test)]
mod tests {
    use autograd::{Device, Generator};

    use super::super::flow::tests::{determinant, jacobian};
    use super::{Bijection, Whitening};

    #[test]
    fn determinant_and_inverse() -> Result<(), linalg::Error> {
        let device = Device::named("cpu")?;
        let x = Generator::new(2).normal(&device, &[200, 4]).cumsum(1) * 3.0 - 1.0;
        let layer = Whitening::fit(&x)?;
        let (z, log_det) = layer.forward(&x);
        assert!((layer.inverse(&z) - &x).abs().amax(&[0, 1], false).item()? < 1e-4);
        let full = determinant(jacobian(&layer, &x.narrow(0, 0, 1).detach())?).abs().ln();
        assert!((full - f64::from(log_det.to_vec::<f32>()?[0])).abs() < 1e-4);
        Ok(())
    }
}
