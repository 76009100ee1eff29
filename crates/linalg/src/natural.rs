//! Natural gradients, which use the Fisher metric of a model's distribution (Amari 1998), and low-rank factors.

use autograd::Tensor;

use crate::{Result, inv, solve, svd};

/// The natural gradient `(F + damping I)^-1 g` of parameters `[P]`, where the Fisher information `F` is the mean outer product of
/// `scores [N, P]`, the per-example gradients of the log-likelihood. With labels drawn from the model, `F` is the true Fisher information;
/// with the data's labels, the empirical one.
///
/// ```
/// # use autograd::{Device, Tensor};
/// let device = Device::named("cpu")?;
/// let scores = Tensor::from_slice(&device, &[2.0f32, 0.0, 0.0, 4.0], &[2, 2])?;
/// let gradient = Tensor::from_slice(&device, &[1.0f32, 1.0], &[2])?;
/// assert_eq!(linalg::natural_gradient(&scores, &gradient, 0.0)?.to_vec::<f32>()?, [0.5, 0.125]);
/// # Ok::<(), linalg::Error>(())
/// ```
///
/// # Errors
/// As [`solve`].
///
/// # Panics
/// When the shapes do not fit.
#[track_caller]
pub fn natural_gradient(scores: &Tensor, gradient: &Tensor, damping: f32) -> Result<Tensor> {
    solve(&second_moment(scores, damping), gradient)
}

/// The natural gradient of a layer's weight by Kronecker factors (K-FAC, Martens and Grosse 2015): `G^-1 g A^-1` for
/// `g = gradient [out, in]`, where `A` is the second moment of the layer's `inputs [N, in]` and `G` that of the per-example gradients
/// `outputs [N, out]` of its outputs. `sqrt(damping)` is added to both diagonals. Exact if inputs and gradients are independent.
///
/// # Errors
/// As [`solve`].
///
/// # Panics
/// When the shapes do not fit.
#[track_caller]
pub fn kfac(gradient: &Tensor, inputs: &Tensor, outputs: &Tensor, damping: f32) -> Result<Tensor> {
    let root = damping.sqrt();
    let (a, g) = (second_moment(inputs, root), second_moment(outputs, root));
    Ok(solve(&g, gradient)?.matmul(&inv(&a)?))
}

/// The mean outer product `[P, P]` of rows `[N, P]`, with `damping` added to its diagonal.
#[track_caller]
fn second_moment(rows: &Tensor, damping: f32) -> Tensor {
    assert!(rows.rank() == 2, "natural gradient: rows of shape {:?}", rows.shape());
    let [n, p] = [rows.shape()[0], rows.shape()[1]];
    let unit = Tensor::ones(rows.device(), &[p]).diag_embed(0);
    rows.t().matmul(rows) / n as f32 + unit * damping
}

/// The factors `[m, rank]` and `[rank, n]` whose product is the best approximation of that rank to `a [m, n]` (Eckart and Young 1936).
/// Both factors are scaled by the square roots of the largest singular values.
///
/// ```
/// # use autograd::{Device, Tensor};
/// let a = Tensor::from_slice(&Device::named("cpu")?, &[3.0f32, 0.0, 0.0, 1.0], &[2, 2])?;
/// let (left, right) = linalg::low_rank(&a, 1)?;
/// let nearest = left.matmul(&right).to_vec::<f32>()?;
/// assert!(nearest.iter().zip([3.0, 0.0, 0.0, 0.0]).all(|(a, b)| (a - b).abs() < 1e-6));
/// # Ok::<(), linalg::Error>(())
/// ```
///
/// # Errors
/// As [`solve`].
///
/// # Panics
/// When the rank is 0 or above `min(m, n)`.
#[track_caller]
pub fn low_rank(a: &Tensor, rank: usize) -> Result<(Tensor, Tensor)> {
    let most = a.shape().iter().copied().min().unwrap_or(0);
    assert!((1..=most).contains(&rank), "low_rank: {rank} of {:?}", a.shape());
    let (u, s, vh) = svd(a)?;
    let root = s.narrow(0, 0, rank).sqrt();
    Ok((u.narrow(1, 0, rank) * &root, vh.narrow(0, 0, rank) * root.unsqueeze(1)))
}
