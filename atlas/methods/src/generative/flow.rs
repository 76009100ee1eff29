//! Densities by change of variables.

use std::f32::consts::TAU;

use autograd::{Device, Generator, Tensor};
use models::Params;

use super::{AffineCoupling, MaskedAutoregressive};

/// An invertible map of rows `[N, D]`.
pub trait Bijection {
    /// Maps `x [N, D]` to `z [N, D]`; also returns the log absolute determinant of `dz/dx`, `[N]`.
    #[track_caller]
    fn forward(&self, x: &Tensor) -> (Tensor, Tensor);

    /// The inverse: maps `z [N, D]` to `x [N, D]`.
    #[track_caller]
    fn inverse(&self, z: &Tensor) -> Tensor;
}

/// A distribution of rows `[N, D]`: a chain of maps transforms it to the standard normal distribution.
///
/// ```
/// use autograd::{Device, Generator, Tensor};
/// use methods::generative::NormalizingFlow;
/// use models::Params;
/// let device = Device::named("cpu")?;
/// let flow = NormalizingFlow::real_nvp(&Params::new(&device, 1), 2, 4, 16);
/// // It starts as the identity, so its distribution is the standard normal one.
/// let log_prob = flow.log_prob(&Tensor::zeros(&device, &[3, 2])).to_vec::<f32>()?;
/// assert!((log_prob[0] + std::f32::consts::TAU.ln()).abs() < 1e-6);
/// assert_eq!(flow.sample(&Generator::new(7), 5).shape(), [5, 2]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct NormalizingFlow {
    layers: Vec<Box<dyn Bijection>>,
    dim: usize,
    device: Device,
}

impl NormalizingFlow {
    /// Maps of rows of `dim` numbers, in the order from data to noise.
    pub fn new(device: &Device, dim: usize, layers: Vec<Box<dyn Bijection>>) -> NormalizingFlow {
        NormalizingFlow { layers, dim, device: device.clone() }
    }

    /// `count` affine couplings (Dinh et al. 2017), each of which transforms the half that the previous one leaves unchanged. Parameters
    /// `0.*`, `1.*` and so on.
    ///
    /// # Panics
    /// With fewer than 2 dimensions.
    #[track_caller]
    pub fn real_nvp(params: &Params, dim: usize, count: usize, hidden: usize) -> NormalizingFlow {
        let layer = |i: usize| -> Box<dyn Bijection> {
            Box::new(AffineCoupling::new(&params.path(i), dim, i % 2 == 1, hidden))
        };
        NormalizingFlow::new(params.device(), dim, (0..count).map(layer).collect())
    }

    /// `count` masked autoregressive layers (Papamakarios et al. 2017), with the order of dimensions reversed from layer to layer.
    /// Parameters `0.*`, `1.*` and so on.
    #[track_caller]
    pub fn maf(params: &Params, dim: usize, count: usize, hidden: usize) -> NormalizingFlow {
        let layer = |i: usize| -> Box<dyn Bijection> {
            Box::new(MaskedAutoregressive::new(&params.path(i), dim, i % 2 == 1, hidden))
        };
        NormalizingFlow::new(params.device(), dim, (0..count).map(layer).collect())
    }

    /// The logarithm of the density at `x [N, D]`: `[N]`.
    #[track_caller]
    pub fn log_prob(&self, x: &Tensor) -> Tensor {
        let (z, log_det) = self.forward(x);
        log_det + standard_normal(&z)
    }

    /// Samples `[count, D]`.
    #[track_caller]
    pub fn sample(&self, generator: &Generator, count: usize) -> Tensor {
        self.inverse(&generator.normal(&self.device, &[count, self.dim]))
    }
}

impl Bijection for NormalizingFlow {
    fn forward(&self, x: &Tensor) -> (Tensor, Tensor) {
        let start = (x.clone(), Tensor::zeros(x.device(), &x.shape()[..1]));
        self.layers.iter().fold(start, |(x, sum), layer| {
            let (z, log_det) = layer.forward(&x);
            (z, sum + log_det)
        })
    }

    fn inverse(&self, z: &Tensor) -> Tensor {
        self.layers.iter().rev().fold(z.clone(), |z, layer| layer.inverse(&z))
    }
}

/// The logarithm of the standard normal density of rows `[N, D]`: `[N]`.
#[track_caller]
pub(super) fn standard_normal(z: &Tensor) -> Tensor {
    z.square().sum(&[1], false) * -0.5 - 0.5 * z.shape()[1] as f32 * TAU.ln()
}

/// Helpers of the flows' tests.
#[cfg(test)]
pub(super) mod tests {
    use autograd::{Device, Generator, Tensor};

    use super::Bijection;
    use models::{Init, Params};

    /// Replaces the initial parameters, which make the identity.
    pub fn stirred(params: &Params) {
        params.redraw("*", Init::Normal { mean: 0.0, std: 0.4 });
    }

    /// The Jacobian of `f` at one row `[1, D]`, by rows.
    pub fn jacobian(f: &dyn Bijection, x: &Tensor) -> autograd::Result<Vec<Vec<f64>>> {
        let x = x.variable();
        let slopes = crate::curvature::jacobian(&f.forward(&x).0, &[&x]).to_vec::<f32>()?;
        Ok(slopes.chunks(x.numel()).map(|row| row.iter().map(|&v| v.into()).collect()).collect())
    }

    pub fn determinant(mut a: Vec<Vec<f64>>) -> f64 {
        let mut det = 1.0;
        for k in 0..a.len() {
            let pivot = (k..a.len()).max_by(|&i, &j| a[i][k].abs().total_cmp(&a[j][k].abs())).unwrap_or(k);
            if pivot != k {
                a.swap(k, pivot);
                det = -det;
            }
            det *= a[k][k];
            let (above, below) = a.split_at_mut(k + 1);
            for row in below {
                let factor = row[k] / above[k][k];
                row.iter_mut().zip(&above[k]).for_each(|(value, pivot)| *value -= factor * pivot);
            }
        }
        det
    }

    /// Checks determinant and inverse of a flow of 5 dimensions.
    pub fn exact(make: impl FnOnce(&Params) -> Box<dyn Bijection>) -> autograd::Result<()> {
        let device = Device::named("cpu")?;
        let params = Params::new(&device, 3);
        let flow = make(&params);
        stirred(&params);
        let x = Generator::new(4).normal(&device, &[6, 5]);
        let (z, log_det) = flow.forward(&x);
        let apart = (flow.inverse(&z) - &x).abs().amax(&[0, 1], false).item()?;
        assert!(apart < 1e-3, "the inverse is {apart} away");
        for (i, log_det) in log_det.to_vec::<f32>()?.into_iter().enumerate() {
            let full = determinant(jacobian(&*flow, &x.narrow(0, i, 1).detach())?).abs().ln();
            assert!((full - f64::from(log_det)).abs() < 1e-3, "{full} and {log_det}");
        }
        Ok(())
    }
}
