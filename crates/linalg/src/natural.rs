//! Gradients by the metric of the distributions that a model gives (Amari 1998), and factors of low rank.

use autograd::Tensor;

use crate::{Result, inv, solve, svd};

/// The natural gradient `(F + damping I)^-1 g` of parameters `[P]`, with the Fisher information `F` as the mean of the outer products of
/// `scores [N, P]`, the gradients of single examples' log-likelihoods. With labels that are drawn from the model this is the true Fisher
/// information, with those of the data the empirical one.
///
/// ```
/// # use autograd::{Device, Tensor};
/// let device = Device::named("cpu")?;
/// let scores = Tensor::from_slice(&device, &[2.0f32, 0.0, 0.0, 4.0], &[2, 2])?;
/// let gradient = Tensor::from_slice(&device, &[1.0f32, 1.0], &[2])?;
/// assert_eq!(linalg::natural_gradient(&scores, &gradient, 0.0)?.to_vec::<f32>()?, [0.5, 0.125]);
/// # Ok::<(), linalg::LinalgError>(())
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

/// The natural gradient of a layer's weight by Kronecker factors (K-FAC, Martens and Grosse 2015): `G^-1 g A^-1` of `gradient [out, in]`, with
/// the second moments A of the layer's `inputs [N, in]` and G of the single examples' gradients of its `outputs [N, out]`. Both get the root
/// of `damping` on their diagonals. It is the natural gradient where inputs and gradients are independent.
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

/// The factors `[m, rank]` and `[rank, n]` whose product is the nearest to `a [m, n]` of that rank (Eckart and Young 1936): its largest singular
/// values, half of each on either side.
///
/// ```
/// # use autograd::{Device, Tensor};
/// let a = Tensor::from_slice(&Device::named("cpu")?, &[3.0f32, 0.0, 0.0, 1.0], &[2, 2])?;
/// let (left, right) = linalg::low_rank(&a, 1)?;
/// let nearest = left.matmul(&right).to_vec::<f32>()?;
/// assert!(nearest.iter().zip([3.0, 0.0, 0.0, 0.0]).all(|(a, b)| (a - b).abs() < 1e-6));
/// # Ok::<(), linalg::LinalgError>(())
/// ```
///
/// # Errors
/// As [`solve`].
///
/// # Panics
/// When the rank is 0 or above that of `a`.
#[track_caller]
pub fn low_rank(a: &Tensor, rank: usize) -> Result<(Tensor, Tensor)> {
    let most = a.shape().iter().copied().min().unwrap_or(0);
    assert!((1..=most).contains(&rank), "low_rank: {rank} of {:?}", a.shape());
    let (u, s, vh) = svd(a)?;
    let root = s.narrow(0, 0, rank).sqrt();
    Ok((u.narrow(1, 0, rank) * &root, vh.narrow(0, 0, rank) * root.unsqueeze(1)))
}
