//! Hebb's rule, and the normalised rules of Oja and Sanger.

use autograd::Tensor;

/// Hebb's rule for linear units `y = x W^T`: `W + lr y^T x / N` for inputs `[N, D]` and weights `[K, D]`. The weights grow without bound
/// along the direction of largest second moment.
#[track_caller]
pub fn hebbian_step(weight: &Tensor, x: &Tensor, lr: f32) -> Tensor {
    let y = x.linear(weight, None);
    weight + y.t().matmul(x) * (lr / x.shape()[0] as f32)
}

/// Oja's rule (1982) and, for more than one unit, Sanger's generalised Hebbian algorithm (1989): `W + lr (y^T x - tril(y^T y) W) / N`.
/// The rows tend to the first principal components of inputs `[N, D]` of mean 0, in order, with length 1.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::biological::oja_step;
/// let device = Device::named("cpu")?;
/// let x = Tensor::from_slice(&device, &[2.0f32, 1.0, -2.0, -1.0], &[2, 2])?;
/// let mut weight = Tensor::from_slice(&device, &[0.1f32, 0.3], &[1, 2])?;
/// for _ in 0..100 {
///     weight = oja_step(&weight, &x, 0.1);
/// }
/// let found = weight.to_vec::<f32>()?;
/// let root = 5f32.sqrt();
/// assert!((found[0] - 2.0 / root).abs() < 1e-5 && (found[1] - 1.0 / root).abs() < 1e-5);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the shapes do not fit.
#[track_caller]
pub fn oja_step(weight: &Tensor, x: &Tensor, lr: f32) -> Tensor {
    let y = x.linear(weight, None);
    let forgotten = y.t().matmul(&y).tril(0).matmul(weight);
    weight + (y.t().matmul(x) - forgotten) * (lr / x.shape()[0] as f32)
}
