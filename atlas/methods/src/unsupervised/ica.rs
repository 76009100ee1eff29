//! Independent component analysis of whitened data.

use autograd::Tensor;

/// Iterations of the decorrelation: small singular values grow by half each time, those near 1 converge quadratically.
const DECORRELATIONS: usize = 24;

/// FastICA with all components at once and the contrast `log cosh` (Hyvarinen 1999): the unmixing matrix `W [K, K]` of whitened data `x [N,
/// K]` (mean 0, covariance 1). The sources are `x W^T`, in any order and with any sign. `start [K, K]` is any invertible matrix.
///
/// ```
/// use autograd::{Device, Generator, Tensor};
/// use methods::unsupervised::fast_ica;
/// let device = Device::named("cpu")?;
/// // Two independent uniform sources of variance 1, rotated by 30 degrees.
/// let sources = (Generator::new(1).uniform(&device, &[4000, 2]) - 0.5) * 12f32.sqrt();
/// let turn = Tensor::from_slice(&device, &[0.866f32, -0.5, 0.5, 0.866], &[2, 2])?;
/// let start = Tensor::from_slice(&device, &[1.0f32, 0.0, 0.0, 1.0], &[2, 2])?;
/// let product = fast_ica(&sources.matmul(&turn.t()), &start, 20).matmul(&turn).abs().to_vec::<f32>()?;
/// assert!(product[0].max(product[1]) > 0.99 && product[0].min(product[1]) < 0.05);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the shapes do not fit.
#[track_caller]
pub fn fast_ica(x: &Tensor, start: &Tensor, iterations: usize) -> Tensor {
    let n = check("fast_ica", x, start);
    let mut w = decorrelated(start);
    for _ in 0..iterations {
        let y = x.matmul(&w.t()).tanh();
        let slope = (1.0 - y.square()).mean(&[0], false);
        w = decorrelated(&(y.t().matmul(x) / n - slope.unsqueeze(1) * &w));
    }
    w
}

/// `(W W^T)^(-1/2) W`, the nearest orthogonal matrix, by the Newton-Schulz iteration.
fn decorrelated(w: &Tensor) -> Tensor {
    // The Frobenius norm bounds all singular values.
    let mut w = w / w.square().sum_all().sqrt();
    for _ in 0..DECORRELATIONS {
        w = &w * 1.5 - w.matmul(&w.t()).matmul(&w) * 0.5;
    }
    w
}

/// Infomax ICA (Bell and Sejnowski 1995) along the natural gradient (Amari 1998): the unmixing matrix `W [K, K]` of data `x [N, K]` of mean
/// 0, by `W += rate (I - k tanh(y) y^T - y y^T) W`, with `k` 1 for sources with heavier tails than a normal distribution and -1 for lighter
/// ones, estimated in each iteration (Lee, Girolami and Sejnowski 1999).
///
/// # Panics
/// When the shapes do not fit.
#[track_caller]
pub fn infomax_ica(x: &Tensor, start: &Tensor, rate: f32, iterations: usize) -> Tensor {
    let n = check("infomax_ica", x, start);
    let k = start.shape()[0];
    let unit = Tensor::ones(x.device(), &[k]).diag_embed(0);
    let mut w = start.detach();
    for _ in 0..iterations {
        let y = x.matmul(&w.t());
        let squashed = y.tanh();
        let tails = (1.0 - squashed.square()).mean(&[0], false) * y.square().mean(&[0], false)
            - (&squashed * &y).mean(&[0], false);
        let scores = squashed * tails.sign() + &y;
        w = &w + (&unit - scores.t().matmul(&y) / n).matmul(&w) * rate;
    }
    w
}

#[track_caller]
fn check(op: &str, x: &Tensor, start: &Tensor) -> f32 {
    let fits = x.rank() == 2 && start.shape() == [x.shape()[1]; 2];
    assert!(fits, "{op}: data {:?} and a matrix {:?}", x.shape(), start.shape());
    x.shape()[0] as f32
}

#[cfg(test)]
mod tests {
    use autograd::Device;

    use super::*;

    #[test]
    fn decorrelation_is_the_polar_factor() -> autograd::Result<()> {
        let device = Device::named("cpu")?;
        // 3 and 1 times the axes of a rotation.
        let (cos, sin) = (0.6f32, 0.8f32);
        let w = Tensor::from_slice(&device, &[3.0 * cos, -3.0 * sin, sin, cos], &[2, 2])?;
        let found = decorrelated(&w).to_vec::<f32>()?;
        assert!(found.iter().zip([cos, -sin, sin, cos]).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?}");
        Ok(())
    }
}
