//! Linear algebra of matrices in double precision, like `torch.linalg`: matrices are read to the host, where the crate faer computes, and
//! results are written back to the device as f32. Results carry no gradients. [`frechet_distance`] takes samples in host memory.

#![warn(missing_docs)]

mod frechet;
mod natural;
mod pca;

use faer::linalg::solvers::{DenseSolveCore, LltError, PartialPivLu, Solve};
use faer::{Mat, Side};

use autograd::{DType, Tensor};

pub use frechet::frechet_distance;
pub use natural::{kfac, low_rank, natural_gradient};
pub use pca::Pca;

/// Errors that depend on the values of a matrix, and those of the device.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A pivot of the LU factors is 0.
    #[error("{op}: the matrix is singular; use pinv, or add to its diagonal")]
    Singular {
        /// The function that was called, as in `solve`.
        op: &'static str,
    },
    /// A pivot of the Cholesky factor is not positive.
    #[error("cholesky: the matrix is not positive definite (pivot {pivot}); add to its diagonal")]
    NotPositiveDefinite {
        /// Row of the first such pivot, from 0.
        pivot: usize,
    },
    /// An input holds NaN or infinity.
    #[error("{op}: the matrix holds NaN or infinity")]
    NotFinite {
        /// The function that was called.
        op: &'static str,
    },
    /// The iteration for singular values or eigenvalues did not end.
    #[error("{op}: no convergence; scale the matrix")]
    NoConvergence {
        /// The function that was called.
        op: &'static str,
    },
    /// An error of the tensor's device, such as out of memory.
    #[error(transparent)]
    Device(#[from] autograd::Error),
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// The values of a matrix.
#[track_caller]
fn read(op: &'static str, x: &Tensor) -> Result<Mat<f64>> {
    assert!(x.rank() == 2 && x.dtype() == DType::F32, "{op}: of shape {:?}, {}", x.shape(), x.dtype());
    let (values, columns) = (x.to_vec::<f32>()?, x.shape()[1]);
    if values.iter().any(|v| !v.is_finite()) {
        return Err(Error::NotFinite { op });
    }
    Ok(Mat::from_fn(x.shape()[0], columns, |i, j| f64::from(values[i * columns + j])))
}

#[track_caller]
fn read_square(op: &'static str, x: &Tensor) -> Result<Mat<f64>> {
    assert!(x.rank() == 2 && x.shape()[0] == x.shape()[1], "{op}: of shape {:?}, not square", x.shape());
    read(op, x)
}

/// A tensor of shape `[rows, columns]` on the device of `like`; `at` gives the element at a row and column.
fn tensor(
    like: &Tensor,
    [rows, columns]: [usize; 2],
    at: impl Fn(usize, usize) -> f64,
) -> autograd::Result<Tensor> {
    let at = &at;
    let values: Vec<f32> = (0..rows).flat_map(|i| (0..columns).map(move |j| at(i, j) as f32)).collect();
    Tensor::from_slice(like.device(), &values, &[rows, columns])
}

fn vector(like: &Tensor, values: &[f64]) -> autograd::Result<Tensor> {
    let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
    Tensor::from_slice(like.device(), &values, &[values.len()])
}

/// The LU factors of a square matrix, unless it is singular.
fn lu(op: &'static str, a: &Mat<f64>) -> Result<PartialPivLu<f64>> {
    let lu = a.partial_piv_lu();
    let regular = (0..a.nrows()).all(|i| lu.U()[(i, i)] != 0.0);
    if regular { Ok(lu) } else { Err(Error::Singular { op }) }
}

/// Solves `a x = b` for `x`, with `a [n, n]` and `b [n]` or `[n, k]`.
///
/// ```
/// # use autograd::{Device, Tensor};
/// let device = Device::named("cpu")?;
/// let a = Tensor::from_slice(&device, &[2.0f32, 0.0, 1.0, 4.0], &[2, 2])?;
/// let b = Tensor::from_slice(&device, &[2.0f32, 9.0], &[2])?;
/// assert_eq!(linalg::solve(&a, &b)?.to_vec::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), linalg::Error>(())
/// ```
///
/// # Errors
/// When the matrix is singular, values are not finite, or the device fails; likewise for the other functions.
///
/// # Panics
/// When `a` is not square, or `b` has a different number of rows.
#[track_caller]
pub fn solve(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (n, wide) = (a.shape().first(), if b.rank() == 1 { b.unsqueeze(1) } else { b.clone() });
    assert!(wide.shape().first() == n, "solve: shapes {:?} and {:?}", a.shape(), b.shape());
    let x = lu("solve", &read_square("solve", a)?)?.solve(read("solve", &wide)?);
    Ok(tensor(b, [x.nrows(), x.ncols()], |i, j| x[(i, j)])?.reshape(b.shape()))
}

/// The inverse of a square matrix.
///
/// # Errors
/// As [`solve`].
#[track_caller]
pub fn inv(a: &Tensor) -> Result<Tensor> {
    let x = lu("inv", &read_square("inv", a)?)?.inverse();
    Ok(tensor(a, [x.nrows(), x.ncols()], |i, j| x[(i, j)])?)
}

/// The determinant of a square matrix.
///
/// # Errors
/// As [`solve`], but a singular matrix has the determinant 0.
#[track_caller]
pub fn det(a: &Tensor) -> Result<f64> {
    Ok(read_square("det", a)?.determinant())
}

/// The lower triangular `L` with `a = L L^T`, for a symmetric `a`, of which only the lower triangle is read.
///
/// # Errors
/// A matrix that is not positive definite; else as [`solve`].
#[track_caller]
pub fn cholesky(a: &Tensor) -> Result<Tensor> {
    let factors = read_square("cholesky", a)?.llt(Side::Lower).map_err(|e| {
        let LltError::NonPositivePivot { index } = e;
        Error::NotPositiveDefinite { pivot: index }
    })?;
    let l = factors.L();
    Ok(tensor(a, [l.nrows(), l.ncols()], |i, j| if j <= i { l[(i, j)] } else { 0.0 })?)
}

/// `(Q, R)` with `a = Q R`, for `a [m, n]` and `k = min(m, n)`: orthonormal columns `Q [m, k]` and an upper triangular `R [k, n]`.
///
/// # Errors
/// As [`solve`].
#[track_caller]
pub fn qr(a: &Tensor) -> Result<(Tensor, Tensor)> {
    let factors = read("qr", a)?.qr();
    let (q, r) = (factors.compute_thin_Q(), factors.thin_R());
    let upper = |i: usize, j: usize| if i <= j { r[(i, j)] } else { 0.0 };
    Ok((tensor(a, [q.nrows(), q.ncols()], |i, j| q[(i, j)])?, tensor(a, [r.nrows(), r.ncols()], upper)?))
}

/// `(U, S, Vh)` with `a = U diag(S) Vh`, for `a [m, n]` and `k = min(m, n)`: `U [m, k]`, the singular values `S [k]` in descending order,
/// and `Vh [k, n]`.
///
/// # Errors
/// As [`solve`].
#[track_caller]
pub fn svd(a: &Tensor) -> Result<(Tensor, Tensor, Tensor)> {
    let factors = read("svd", a)?.thin_svd().map_err(|_| Error::NoConvergence { op: "svd" })?;
    let (u, v) = (factors.U(), factors.V());
    let s: Vec<f64> = factors.S().column_vector().iter().copied().collect();
    Ok((
        tensor(a, [u.nrows(), u.ncols()], |i, j| u[(i, j)])?,
        vector(a, &s)?,
        tensor(a, [v.ncols(), v.nrows()], |i, j| v[(j, i)])?,
    ))
}

#[track_caller]
fn singular_values(op: &'static str, a: &Tensor) -> Result<Vec<f64>> {
    read(op, a)?.singular_values().map_err(|_| Error::NoConvergence { op })
}

/// `(values, vectors)` of a symmetric matrix `[n, n]`, of which only the lower triangle is read: eigenvalues `[n]` in ascending order,
/// and eigenvectors as the columns of `[n, n]`.
///
/// ```
/// # use autograd::{Device, Tensor};
/// let a = Tensor::from_slice(&Device::named("cpu")?, &[2.0f32, 1.0, 1.0, 2.0], &[2, 2])?;
/// let values = linalg::eigh(&a)?.0.to_vec::<f32>()?;
/// assert!((values[0] - 1.0).abs() < 1e-6 && (values[1] - 3.0).abs() < 1e-6);
/// # Ok::<(), linalg::Error>(())
/// ```
///
/// # Errors
/// As [`solve`].
#[track_caller]
pub fn eigh(a: &Tensor) -> Result<(Tensor, Tensor)> {
    let factors = read_square("eigh", a)?
        .self_adjoint_eigen(Side::Lower)
        .map_err(|_| Error::NoConvergence { op: "eigh" })?;
    let (values, vectors) = (factors.S(), factors.U());
    let values: Vec<f64> = values.column_vector().iter().copied().collect();
    let n = values.len();
    Ok((vector(a, &values)?, tensor(a, [n, n], |i, j| vectors[(i, j)])?))
}

/// The eigenvalues of a square matrix as real and imaginary parts, like `torch.linalg.eigvals`; in no particular order.
///
/// ```
/// # use autograd::{Device, Tensor};
/// // A rotation by 90 degrees.
/// let a = Tensor::from_slice(&Device::named("cpu")?, &[0.0f32, -1.0, 1.0, 0.0], &[2, 2])?;
/// let values = linalg::eigvals(&a)?;
/// assert!(values.iter().all(|(re, im)| re.abs() < 1e-12 && (im.abs() - 1.0).abs() < 1e-12));
/// # Ok::<(), linalg::Error>(())
/// ```
///
/// # Errors
/// As [`solve`].
#[track_caller]
pub fn eigvals(a: &Tensor) -> Result<Vec<(f64, f64)>> {
    let values =
        read_square("eigvals", a)?.eigenvalues().map_err(|_| Error::NoConvergence { op: "eigvals" })?;
    Ok(values.into_iter().map(|value| (value.re, value.im)).collect())
}

/// The number of singular values above `max(m, n) * f32::EPSILON` times the largest, of `[m, n]`.
///
/// ```
/// # use autograd::{Device, Tensor};
/// let a = Tensor::from_slice(&Device::named("cpu")?, &[1.0f32, 2.0, 2.0, 4.0], &[2, 2])?;
/// assert_eq!(linalg::matrix_rank(&a)?, 1);
/// # Ok::<(), linalg::Error>(())
/// ```
///
/// # Errors
/// As [`solve`].
#[track_caller]
pub fn matrix_rank(a: &Tensor) -> Result<usize> {
    let s = singular_values("matrix_rank", a)?;
    let longer = a.shape()[0].max(a.shape()[1]) as f64;
    let least = s.first().map_or(0.0, |s| s * longer * f64::from(f32::EPSILON));
    Ok(s.iter().filter(|&&value| value > least).count())
}

/// The Moore-Penrose pseudo-inverse `[n, m]` of `[m, n]`. Singular values of at most `max(m, n) * f32::EPSILON` times the largest count
/// as 0.
///
/// # Errors
/// As [`solve`].
#[track_caller]
pub fn pinv(a: &Tensor) -> Result<Tensor> {
    let factors = read("pinv", a)?.thin_svd().map_err(|_| Error::NoConvergence { op: "pinv" })?;
    let (u, v) = (factors.U(), factors.V());
    let s: Vec<f64> = factors.S().column_vector().iter().copied().collect();
    let (rows, columns) = (u.nrows(), v.nrows());
    let least = s.first().map_or(0.0, |s| s * rows.max(columns) as f64 * f64::from(f32::EPSILON));
    let kept: Vec<usize> = (0..s.len()).filter(|&k| s[k] > least).collect();
    let at = |i: usize, j: usize| kept.iter().map(|&k| v[(i, k)] * u[(j, k)] / s[k]).sum();
    Ok(tensor(a, [columns, rows], at)?)
}

/// The condition number in the 2-norm: the ratio of the largest to the smallest singular value.
///
/// # Errors
/// As [`solve`].
#[track_caller]
pub fn cond(a: &Tensor) -> Result<f64> {
    let s = singular_values("cond", a)?;
    Ok(s.first().unwrap_or(&0.0) / s.last().unwrap_or(&0.0))
}

/// The spectral norm: the largest singular value. (The Frobenius norm is [`Tensor::norm`] with `p` 2.)
///
/// # Errors
/// As [`solve`].
#[doc(alias = "matrix_norm")]
#[track_caller]
pub fn spectral_norm(a: &Tensor) -> Result<f64> {
    Ok(singular_values("spectral_norm", a)?.first().copied().unwrap_or(0.0))
}

/// The angles in radians, in descending order, between the spaces spanned by the columns of `a [n, j]` and `b [n, k]`, like
/// `scipy.linalg.subspace_angles`: `min(j, k)` angles, accurate for small ones too (Knyazev and Argentati 2002).
///
/// ```
/// # use autograd::{Device, Tensor};
/// let device = Device::named("cpu")?;
/// let a = Tensor::from_slice(&device, &[1.0f32, 0.0, 0.0, 1.0, 0.0, 0.0], &[3, 2])?;
/// let b = Tensor::from_slice(&device, &[1.0f32, 0.0, 0.0, 3.0, 0.0, 4.0], &[3, 2])?;
/// let angles = linalg::principal_angles(&a, &b)?;
/// assert!((angles[0] - (4f64 / 3.0).atan()).abs() < 1e-7 && angles[1].abs() < 1e-7);
/// # Ok::<(), linalg::Error>(())
/// ```
///
/// # Errors
/// As [`solve`].
///
/// # Panics
/// When the columns of `a` and `b` differ in length, or a matrix has more columns than rows.
#[track_caller]
pub fn principal_angles(a: &Tensor, b: &Tensor) -> Result<Vec<f64>> {
    let (a, b) = if a.shape().last() < b.shape().last() { (b, a) } else { (a, b) };
    let op = "principal_angles";
    let [a, b] = [read(op, a)?, read(op, b)?];
    let fits = a.nrows() == b.nrows() && a.ncols() <= a.nrows();
    assert!(fits, "{op}: columns {} x {} and {} x {}", a.nrows(), a.ncols(), b.nrows(), b.ncols());
    let [a, b] = [a, b].map(|x| x.qr().compute_thin_Q());
    let inside = a.transpose() * &b;
    let outside = &b - &a * &inside;
    let values = |x: &Mat<f64>| x.singular_values().map_err(|_| Error::NoConvergence { op });
    let (cosines, sines) = (values(&inside)?, values(&outside)?);
    // Sines and cosines both descend, so the largest sine belongs to the last cosine.
    let angle = |(sine, cosine): (&f64, &f64)| sine.atan2(*cosine);
    Ok(sines.iter().zip(cosines.iter().rev()).map(angle).collect())
}

/// The eigenvalue of largest magnitude of a square matrix and its unit eigenvector, by `steps` multiplications from `start [n]`; computed
/// on the device, with gradients.
///
/// ```
/// # use autograd::{Device, Tensor};
/// let device = Device::named("cpu")?;
/// let a = Tensor::from_slice(&device, &[2.0f32, 1.0, 1.0, 2.0], &[2, 2])?;
/// let start = Tensor::from_slice(&device, &[1.0f32, 0.0], &[2])?;
/// let (value, _) = linalg::power_iteration(&a, &start, 20);
/// assert!((value.item()? - 3.0).abs() < 1e-5);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the shapes do not fit.
#[track_caller]
pub fn power_iteration(a: &Tensor, start: &Tensor, steps: usize) -> (Tensor, Tensor) {
    let n = start.numel();
    let fits = start.rank() == 1 && a.shape() == [n, n];
    assert!(fits, "power_iteration: shapes {:?} and {:?}", a.shape(), start.shape());
    let mut v = start.normalize(2.0, 0, 1e-12);
    for _ in 0..steps {
        v = a.matmul(&v).normalize(2.0, 0, 1e-12);
    }
    (v.dot(&a.matmul(&v)), v)
}
