//! Small matrices on the host, whose sizes are types.

pub(super) type Matrix<const R: usize, const C: usize> = [[f64; C]; R];

pub(super) fn product<const R: usize, const M: usize, const C: usize>(
    a: &Matrix<R, M>,
    b: &Matrix<M, C>,
) -> Matrix<R, C> {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..M).map(|k| a[i][k] * b[k][j]).sum()))
}

pub(super) fn transpose<const R: usize, const C: usize>(a: &Matrix<R, C>) -> Matrix<C, R> {
    std::array::from_fn(|i| std::array::from_fn(|j| a[j][i]))
}

pub(super) fn apply<const R: usize, const C: usize>(a: &Matrix<R, C>, x: &[f64; C]) -> [f64; R] {
    a.map(|row| row.iter().zip(x).map(|(a, x)| a * x).sum())
}

/// `a + scale * b`
pub(super) fn plus<const R: usize, const C: usize>(
    a: &Matrix<R, C>,
    b: &Matrix<R, C>,
    scale: f64,
) -> Matrix<R, C> {
    std::array::from_fn(|i| std::array::from_fn(|j| a[i][j] + scale * b[i][j]))
}

/// The lower factor `l` of a positive definite `a = l l^T`.
///
/// # Panics
/// When `a` is not positive definite.
#[track_caller]
pub(super) fn cholesky<const N: usize>(a: &Matrix<N, N>) -> Matrix<N, N> {
    let mut l = [[0.0; N]; N];
    for (i, row) in a.iter().enumerate() {
        for (j, a) in row.iter().enumerate().take(i + 1) {
            let rest = a - (0..j).map(|k| l[i][k] * l[j][k]).sum::<f64>();
            l[i][j] = if i > j { rest / l[j][j] } else { rest.sqrt() };
        }
        assert!(l[i][i] > 0.0, "a covariance is not positive definite");
    }
    l
}

/// `a^-1 b` for `a` of Cholesky factor `l`.
pub(super) fn solve<const N: usize, const C: usize>(l: &Matrix<N, N>, b: &Matrix<N, C>) -> Matrix<N, C> {
    let mut columns = transpose(b);
    for x in &mut columns {
        for (i, row) in l.iter().enumerate() {
            x[i] = (x[i] - (0..i).map(|k| row[k] * x[k]).sum::<f64>()) / row[i];
        }
        for i in (0..N).rev() {
            x[i] = (x[i] - (i + 1..N).map(|k| l[k][i] * x[k]).sum::<f64>()) / l[i][i];
        }
    }
    transpose(&columns)
}
