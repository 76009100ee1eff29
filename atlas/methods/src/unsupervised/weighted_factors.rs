//! Matrix factorisation with a weight for each entry, by alternating least squares.

use data::Draws;
use faer::linalg::solvers::{Llt, Solve};
use faer::{Col, Mat, Side};

/// Keeps normal equations solvable where few entries have weight.
const RIDGE: f64 = 1e-9;

/// `A[i][j] = u_i . v_j + a_i + b_j`, fitted to the weighted squares of a matrix. With weights there is no closed form, but given the
/// columns, each row is a regression with an exact solution, and the other way round, so that no [`step`](WeightedFactors::step) raises the
/// objective (Srebro and Jaakkola 2003, "Weighted low-rank approximations").
///
/// ```
/// use methods::unsupervised::WeightedFactors;
/// // One factor and biases are enough for a 3 x 3 matrix of products plus sums; the entry without weight is filled in.
/// let at = |i: usize, j: usize| (i * j) as f64 + 2.0 * i as f64 - j as f64;
/// let matrix: Vec<f64> = (0..9).map(|k| if k == 4 { 99.0 } else { at(k / 3, k % 3) }).collect();
/// let weights: Vec<f64> = (0..9).map(|k| f64::from(u8::from(k != 4))).collect();
/// let mut factors = WeightedFactors::new(3, 3, 1, &mut data::Draws::new(1, 0, 0));
/// (0..200).for_each(|_| factors.step(&matrix, &weights));
/// assert!(factors.objective(&matrix, &weights) < 1e-6);
/// assert!((factors.entry(1, 1) - at(1, 1)).abs() < 1e-2);
/// ```
#[derive(Clone, Debug)]
pub struct WeightedFactors {
    /// Factors of the rows and their biases, `[rows][rank + 1]`.
    rows: Vec<Vec<f64>>,
    columns: Vec<Vec<f64>>,
}

impl WeightedFactors {
    /// Small normal factors, biases of 0.
    pub fn new(rows: usize, columns: usize, rank: usize, draws: &mut Draws) -> WeightedFactors {
        let mut table = |count: usize| -> Vec<Vec<f64>> {
            (0..count).map(|_| (0..rank).map(|_| 0.1 * draws.normal()).chain([0.0]).collect()).collect()
        };
        WeightedFactors { rows: table(rows), columns: table(columns) }
    }

    /// The value at a row and a column.
    ///
    /// # Panics
    /// When there is no such row or column.
    pub fn entry(&self, row: usize, column: usize) -> f64 {
        let (u, v) = (&self.rows[row], &self.columns[column]);
        let rank = u.len() - 1;
        u[..rank].iter().zip(v).map(|(a, b)| a * b).sum::<f64>() + u[rank] + v[rank]
    }

    /// The sum of `weight (entry - matrix)^2` for `matrix` and `weights [rows, columns]`.
    ///
    /// # Panics
    /// When there are too few entries.
    pub fn objective(&self, matrix: &[f64], weights: &[f64]) -> f64 {
        let columns = self.columns.len();
        let cost = |k: usize| match weights[k] {
            0.0 => 0.0,
            weight => weight * (self.entry(k / columns, k % columns) - matrix[k]).powi(2),
        };
        (0..self.rows.len() * columns).map(cost).sum()
    }

    /// Solves for all rows, then for all columns. Entries of weight 0 may have any value.
    ///
    /// # Panics
    /// As [`objective`](WeightedFactors::objective), and for weights below 0.
    pub fn step(&mut self, matrix: &[f64], weights: &[f64]) {
        let (count, width) = (self.rows.len(), self.columns.len());
        for i in 0..count {
            self.rows[i] = regression(&self.columns, |j| (matrix[i * width + j], weights[i * width + j]));
        }
        for j in 0..width {
            self.columns[j] = regression(&self.rows, |i| (matrix[i * width + j], weights[i * width + j]));
        }
    }
}

/// The factors and the bias with the least weighted squares, given those of the other side and the values and weights of the entries.
fn regression(others: &[Vec<f64>], entry: impl Fn(usize) -> (f64, f64)) -> Vec<f64> {
    let size = others[0].len();
    let rank = size - 1;
    let (mut normal, mut right) = (Mat::<f64>::identity(size, size) * RIDGE, Col::<f64>::zeros(size));
    for (k, other) in others.iter().enumerate() {
        let (value, weight) = entry(k);
        if weight == 0.0 {
            continue;
        }
        let of = |d: usize| if d < rank { other[d] } else { 1.0 };
        for a in 0..size {
            right[a] += weight * of(a) * (value - other[rank]);
            (0..size).for_each(|b| normal[(a, b)] += weight * of(a) * of(b));
        }
    }
    let factor: Llt<f64> = normal.llt(Side::Lower).expect("weights of at least 0, and a ridge");
    factor.solve(&right).iter().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_step_raises_the_objective() {
        let mut draws = Draws::new(3, 0, 0);
        let matrix: Vec<f64> = (0..48).map(|_| draws.normal()).collect();
        let weights: Vec<f64> = (0..48).map(|_| draws.unit()).collect();
        let mut factors = WeightedFactors::new(6, 8, 2, &mut draws);
        let mut before = factors.objective(&matrix, &weights);
        for _ in 0..30 {
            factors.step(&matrix, &weights);
            let after = factors.objective(&matrix, &weights);
            assert!(after <= before * (1.0 + 1e-9), "{before} {after}");
            before = after;
        }
    }
}
