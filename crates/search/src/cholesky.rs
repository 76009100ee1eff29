//! Symmetric positive definite matrices of a few hundred rows, in f64 on the host.

/// The lower triangle `L` of `A = L L^T`, row-major `[n, n]` with zeros above the diagonal.
pub(super) struct Cholesky {
    n: usize,
    l: Vec<f64>,
}

impl Cholesky {
    /// Factorises `a`, `[n, n]`, reading its lower triangle only. `None` if it is not positive definite.
    pub fn new(n: usize, mut a: Vec<f64>) -> Option<Cholesky> {
        for i in 0..n {
            for j in 0..=i {
                let (row, column) = (&a[i * n..i * n + j], &a[j * n..j * n + j]);
                let rest = a[i * n + j] - dot(row, column);
                a[i * n + j] = if i > j {
                    rest / a[j * n + j]
                } else if rest > 0.0 && rest.is_finite() {
                    rest.sqrt()
                } else {
                    return None;
                };
            }
            a[i * n + i + 1..(i + 1) * n].fill(0.0);
        }
        Some(Cholesky { n, l: a })
    }

    /// Solves `L x = b` in place.
    pub fn forward(&self, b: &mut [f64]) {
        for i in 0..self.n {
            let row = &self.l[i * self.n..];
            b[i] = (b[i] - dot(&row[..i], &b[..i])) / row[i];
        }
    }

    /// Solves `A x = b` in place.
    pub fn solve(&self, b: &mut [f64]) {
        self.forward(b);
        for i in (0..self.n).rev() {
            let row = &self.l[i * self.n..];
            let x = b[i] / row[i];
            b[i] = x;
            b[..i].iter_mut().zip(row).for_each(|(b, l)| *b -= l * x);
        }
    }

    /// `A^-1`, row-major `[n, n]`.
    pub fn inverse(&self) -> Vec<f64> {
        let mut inverse = vec![0.0; self.n * self.n];
        for (i, column) in inverse.chunks_exact_mut(self.n).enumerate() {
            column[i] = 1.0;
            self.solve(column);
        }
        inverse
    }

    /// `ln det A`.
    pub fn log_determinant(&self) -> f64 {
        2.0 * (0..self.n).map(|i| self.l[i * self.n + i].ln()).sum::<f64>()
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_factor() {
        // Wikipedia's example: L = [[2, 0, 0], [6, 1, 0], [-8, 5, 3]].
        let a = vec![4.0, 12.0, -16.0, 12.0, 37.0, -43.0, -16.0, -43.0, 98.0];
        let factor = Cholesky::new(3, a.clone()).unwrap();
        assert_eq!(factor.l, [2.0, 0.0, 0.0, 6.0, 1.0, 0.0, -8.0, 5.0, 3.0]);
        assert!((factor.log_determinant() - 36f64.ln()).abs() < 1e-14);
        let mut b = vec![-20.0, -43.0, 192.0]; // A [1, 2, 3]
        factor.solve(&mut b);
        assert!(b.iter().zip([1.0, 2.0, 3.0]).all(|(x, want)| (x - want).abs() < 1e-11), "{b:?}");
        let inverse = factor.inverse();
        for (i, j) in (0..9).map(|k| (k / 3, k % 3)) {
            let column: Vec<f64> = (0..3).map(|k| inverse[k * 3 + j]).collect();
            assert!((dot(&a[i * 3..i * 3 + 3], &column) - f64::from(i == j)).abs() < 1e-11);
        }
    }

    #[test]
    fn what_is_not_positive_definite_is_refused() {
        assert!(Cholesky::new(2, vec![1.0, 2.0, 2.0, 1.0]).is_none());
        assert!(Cholesky::new(1, vec![f64::NAN]).is_none());
    }
}
