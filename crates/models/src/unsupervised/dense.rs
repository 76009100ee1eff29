//! The little linear algebra that EM needs, in double precision.

/// A matrix, row by row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dense {
    pub rows: usize,
    pub columns: usize,
    pub values: Vec<f64>,
}

impl Dense {
    pub fn new(values: Vec<f64>, columns: usize) -> Dense {
        Dense { rows: values.len() / columns, columns, values }
    }

    pub fn from_fn(rows: usize, columns: usize, at: impl Fn(usize, usize) -> f64) -> Dense {
        let at = &at;
        Dense::new((0..rows).flat_map(|i| (0..columns).map(move |j| at(i, j))).collect(), columns)
    }

    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.columns + column]
    }

    pub fn t(&self) -> Dense {
        Dense::from_fn(self.columns, self.rows, |i, j| self.at(j, i))
    }

    pub fn matmul(&self, other: &Dense) -> Dense {
        let dot = |i, j| (0..self.columns).map(|k| self.at(i, k) * other.at(k, j)).sum();
        Dense::from_fn(self.rows, other.columns, dot)
    }

    pub fn minus(&self, other: &Dense) -> Dense {
        Dense::from_fn(self.rows, self.columns, |i, j| self.at(i, j) - other.at(i, j))
    }

    /// The matrix with something added to its diagonal.
    pub fn plus_diagonal(&self, of: impl Fn(usize) -> f64) -> Dense {
        Dense::from_fn(self.rows, self.columns, |i, j| self.at(i, j) + if i == j { of(i) } else { 0.0 })
    }

    pub fn trace(&self) -> f64 {
        (0..self.rows).map(|i| self.at(i, i)).sum()
    }
}

/// The lower triangular factor of a symmetric, positive definite matrix.
#[derive(Clone, Debug)]
pub(super) struct Cholesky(Dense);

impl Cholesky {
    /// `None` where a square of the factor's diagonal is not above `least`.
    pub fn of(a: &Dense, least: f64) -> Option<Cholesky> {
        let mut l = Dense::from_fn(a.rows, a.rows, |_, _| 0.0);
        for i in 0..a.rows {
            for j in 0..=i {
                let rest = a.at(i, j) - (0..j).map(|k| l.at(i, k) * l.at(j, k)).sum::<f64>();
                l.values[i * a.rows + j] = match i == j {
                    true if rest > least => rest.sqrt(),
                    true => return None,
                    false => rest / l.at(j, j),
                };
            }
        }
        Some(Cholesky(l))
    }

    pub fn log_det(&self) -> f64 {
        (0..self.0.rows).map(|i| 2.0 * self.0.at(i, i).ln()).sum()
    }

    /// `y` with `L y = b`: its square is `b` in the metric of the inverse.
    pub fn whiten(&self, b: &mut [f64]) {
        for i in 0..self.0.rows {
            let known: f64 = (0..i).map(|k| self.0.at(i, k) * b[k]).sum();
            b[i] = (b[i] - known) / self.0.at(i, i);
        }
    }

    /// `X` with `A X = B`.
    pub fn solve(&self, b: &Dense) -> Dense {
        let n = self.0.rows;
        let mut columns = b.t();
        for column in columns.values.chunks_mut(n) {
            self.whiten(column);
            for i in (0..n).rev() {
                let known: f64 = (i + 1..n).map(|k| self.0.at(k, i) * column[k]).sum();
                column[i] = (column[i] - known) / self.0.at(i, i);
            }
        }
        columns.t()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_solve() {
        let a = Dense::new(vec![4.0, 2.0, 2.0, 3.0], 2);
        let factor = Cholesky::of(&a, 0.0).unwrap();
        assert!((factor.log_det() - 8f64.ln()).abs() < 1e-12);
        let x = factor.solve(&Dense::new(vec![8.0, 7.0], 1));
        assert!(a.matmul(&x).minus(&Dense::new(vec![8.0, 7.0], 1)).values.iter().all(|v| v.abs() < 1e-12));
        assert!(Cholesky::of(&Dense::new(vec![1.0, 2.0, 2.0, 1.0], 2), 0.0).is_none());
    }
}
