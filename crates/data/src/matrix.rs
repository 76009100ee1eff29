//! Features of a table's rows.

use crate::error::{Error, Result};

/// Numbers `[N, F]`, row by row: N rows of F features. NaN stands for a missing value.
///
/// ```
/// let mut matrix = data::Matrix::new(vec![1.0, 2.0, 3.0, f32::NAN], 2)?;
/// assert_eq!((matrix.rows(), matrix.columns()), (2, 2));
/// assert_eq!(matrix.row(0), [1.0, 2.0]);
/// matrix.fill_missing(0.0);
/// assert_eq!(matrix.select(&[1, 0])?.values(), [3.0, 0.0, 1.0, 2.0]);
/// # Ok::<(), data::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    values: Vec<f32>,
    columns: usize,
}

impl Matrix {
    /// `values` `[N, columns]`.
    ///
    /// # Errors
    /// [`Error::Matrix`] if there are no columns or the values are not a whole number of rows.
    pub fn new(values: Vec<f32>, columns: usize) -> Result<Matrix> {
        if columns == 0 || !values.len().is_multiple_of(columns) {
            return Err(Error::Matrix(format!("{} values are not rows of {columns}", values.len())));
        }
        Ok(Matrix { values, columns })
    }

    /// N
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    /// F
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// All values, `[N, F]`.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The features of a row, `[F]`.
    ///
    /// # Panics
    /// If `row` is not below [`rows`](Self::rows).
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// These rows in this order, `[rows, F]`: one part of a split, for example.
    ///
    /// # Errors
    /// [`Error::Matrix`] if a row is not below [`rows`](Self::rows).
    pub fn select(&self, rows: &[usize]) -> Result<Matrix> {
        let mut values = Vec::with_capacity(rows.len() * self.columns);
        for &row in rows {
            if row >= self.rows() {
                return Err(Error::Matrix(format!("no row {row}: there are {}", self.rows())));
            }
            values.extend_from_slice(self.row(row));
        }
        Matrix::new(values, self.columns)
    }

    /// As [`select`](Self::select), for rows known to exist.
    pub(crate) fn pick(&self, rows: &[u32]) -> Matrix {
        let mut values = Vec::with_capacity(rows.len() * self.columns);
        rows.iter().for_each(|&row| values.extend_from_slice(self.row(row as usize)));
        Matrix { values, columns: self.columns }
    }

    /// Replaces every missing value with `value`. After a standard scaler, 0 is the mean.
    pub fn fill_missing(&mut self, value: f32) {
        self.values.iter_mut().filter(|v| v.is_nan()).for_each(|v| *v = value);
    }
}
