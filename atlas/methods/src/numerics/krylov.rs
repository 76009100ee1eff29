//! Krylov subspaces: what products with a matrix tell about it.

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// An orthonormal basis of the space of `v`, `A v`, `A^2 v`, .. and what `A` is in it (Arnoldi 1951). For a symmetric matrix, that is
/// tridiagonal (Lanczos 1950).
///
/// ```
/// use methods::numerics::Krylov;
/// let times = |v: &[f64]| vec![2.0 * v[0] + v[1], v[0] + 2.0 * v[1]];
/// let found = Krylov::new(times, &[1.0, 0.0], 2);
/// assert_eq!(found.projected, [[2.0, 1.0], [1.0, 2.0]]);
/// ```
#[derive(Clone, Debug)]
pub struct Krylov {
    /// The basis, a row each: one more than `steps`, unless it ends in an invariant subspace.
    pub basis: Vec<Vec<f64>>,
    /// `Q^T A Q`, `[steps][steps]`, upper Hessenberg.
    pub projected: Vec<Vec<f64>>,
    /// The norm of what the last product adds to the basis: 0 in an invariant subspace.
    pub residual: f64,
}

impl Krylov {
    /// At most `steps` products, each made orthogonal to those before twice, which keeps the basis orthonormal to rounding.
    pub fn new(mut product: impl FnMut(&[f64]) -> Vec<f64>, start: &[f64], steps: usize) -> Krylov {
        let length = norm(start);
        let mut basis = vec![start.iter().map(|v| v / length).collect::<Vec<f64>>()];
        let mut columns: Vec<Vec<f64>> = Vec::new();
        let mut residual = 0.0;
        for step in 0..steps {
            let mut next = product(&basis[step]);
            let size = norm(&next);
            let mut column = vec![0.0; steps + 1];
            for _ in 0..2 {
                for (row, of) in basis.iter().enumerate() {
                    let along = dot(of, &next);
                    next.iter_mut().zip(of).for_each(|(n, o)| *n -= along * o);
                    column[row] += along;
                }
            }
            residual = norm(&next);
            column[step + 1] = residual;
            columns.push(column);
            if residual <= 1e-14 * size {
                residual = 0.0;
                break;
            }
            basis.push(next.into_iter().map(|v| v / residual).collect());
        }
        let size = columns.len();
        let projected = (0..size).map(|i| (0..size).map(|j| columns[j][i]).collect()).collect();
        Krylov { basis, projected, residual }
    }
}

/// Solves `A x = b` from 0 by the vector of a growing Krylov space with the smallest residual (Saad and Schultz 1986), and returns it with the
/// norms of the residuals after 0, 1, .. products. Ends after `steps`, or below `tolerance` times the norm of `b`.
///
/// ```
/// use methods::numerics::gmres;
/// let (x, residuals) = gmres(|v| vec![2.0 * v[0] + v[1], 3.0 * v[1]], &[4.0, 6.0], 10, 1e-12);
/// assert!((x[0] - 1.0).abs() < 1e-12 && (x[1] - 2.0).abs() < 1e-12 && residuals.len() == 3);
/// ```
pub fn gmres(
    product: impl FnMut(&[f64]) -> Vec<f64>,
    b: &[f64],
    steps: usize,
    tolerance: f64,
) -> (Vec<f64>, Vec<f64>) {
    let Krylov { basis, projected, residual } = Krylov::new(product, b, steps);
    let size = projected.len();
    // Rotations make the Hessenberg matrix upper triangular; what they leave below in the right side is the residual.
    let mut columns: Vec<Vec<f64>> = Vec::new();
    let mut rotations: Vec<(f64, f64)> = Vec::new();
    let mut right = vec![norm(b)];
    let mut residuals = vec![norm(b)];
    for j in 0..size {
        let mut column: Vec<f64> = (0..=j).map(|i| projected[i][j]).collect();
        column.push(if j + 1 < size { projected[j + 1][j] } else { residual });
        for (i, (cos, sin)) in rotations.iter().enumerate() {
            let (upper, lower) = (column[i], column[i + 1]);
            (column[i], column[i + 1]) = (cos * upper + sin * lower, cos * lower - sin * upper);
        }
        let length = column[j].hypot(column[j + 1]);
        let (cos, sin) = (column[j] / length, column[j + 1] / length);
        column[j] = length;
        let last = right[j];
        right[j] = cos * last;
        right.push(-sin * last);
        rotations.push((cos, sin));
        columns.push(column);
        residuals.push((sin * last).abs());
        if (sin * last).abs() <= tolerance * residuals[0] {
            break;
        }
    }
    let mut weights = vec![0.0; columns.len()];
    for i in (0..columns.len()).rev() {
        let above: f64 = (i + 1..columns.len()).map(|j| columns[j][i] * weights[j]).sum();
        weights[i] = (right[i] - above) / columns[i][i];
    }
    let at = |k: usize| weights.iter().zip(&basis).map(|(weight, row)| weight * row[k]).sum();
    ((0..b.len()).map(at).collect(), residuals)
}
