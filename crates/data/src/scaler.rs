//! Scalers of features, fitted to the training rows and applied to all.
//!
//! The formulas are scikit-learn's, computed in f64 from f32 features. Missing values (NaN) are ignored by `fit` and stay; a
//! constant column is only shifted; a column without any value stays NaN.
//!
//! ```
//! use data::{Matrix, split};
//! use data::scaler::StandardScaler;
//!
//! let all = Matrix::new(vec![1.0, 2.0, 3.0, 4.0, 5.0], 1)?;
//! let [train, test] = split::by_time(&[0, 1, 2, 3, 4], [0.6, 0.4])?;
//! let scaler = StandardScaler::fit(&all.select(&train)?)?;
//! assert_eq!((scaler.mean[0], scaler.scale[0]), (2.0, (2.0f64 / 3.0).sqrt()));
//! let test = scaler.transform(&all.select(&test)?)?;
//! assert!((test.values()[0] - 6f32.sqrt()).abs() < 1e-6);
//! assert_eq!(scaler.inverse_transform(&test)?.values(), [4.0, 5.0]);
//! # Ok::<(), data::Error>(())
//! ```

use crate::error::{Error, Result};
use crate::matrix::Matrix;

/// Mean 0 and standard deviation 1: `(x - mean) / scale`.
#[derive(Debug, Clone, PartialEq)]
pub struct StandardScaler {
    /// `[F]`
    pub mean: Vec<f64>,
    /// Standard deviations of the rows as a population, `[F]`; 1 for a column that is constant but for rounding.
    pub scale: Vec<f64>,
}

impl StandardScaler {
    /// Learns from rows `[N, F]`.
    ///
    /// # Errors
    /// [`Error::Matrix`] if there are no rows or a value is infinite.
    pub fn fit(rows: &Matrix) -> Result<StandardScaler> {
        let moments = |column: Vec<f64>| {
            let count = column.len() as f64;
            let mean = column.iter().sum::<f64>() / count;
            let (squares, rest) = column.iter().fold((0f64, 0f64), |(squares, rest), x| {
                let difference = x - mean;
                (squares + difference * difference, rest + difference)
            });
            let variance = (squares - rest * rest / count) / count;
            let rounding = count * f64::EPSILON * variance + (count * f64::EPSILON * mean).powi(2);
            (mean, if variance <= rounding { 1.0 } else { variance.sqrt() })
        };
        let (mean, scale) = columns(rows)?.map(moments).unzip();
        Ok(StandardScaler { mean, scale })
    }

    /// `(x - mean) / scale` of rows `[N, F]`.
    ///
    /// # Errors
    /// [`Error::Matrix`] for another F.
    pub fn transform(&self, rows: &Matrix) -> Result<Matrix> {
        map(rows, self.mean.len(), |x, f| (x - self.mean[f]) / self.scale[f])
    }

    /// `x * scale + mean` of rows `[N, F]`.
    ///
    /// # Errors
    /// [`Error::Matrix`] for another F.
    pub fn inverse_transform(&self, rows: &Matrix) -> Result<Matrix> {
        map(rows, self.mean.len(), |x, f| x * self.scale[f] + self.mean[f])
    }
}

/// The fitted rows between 0 and 1: `(x - min) / range`; other rows may lie outside.
///
/// ```
/// let rows = data::Matrix::new(vec![10.0, 30.0, 20.0], 1)?;
/// let scaler = data::scaler::MinMaxScaler::fit(&rows)?;
/// assert_eq!(scaler.transform(&rows)?.values(), [0.0, 1.0, 0.5]);
/// # Ok::<(), data::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct MinMaxScaler {
    /// `[F]`
    pub min: Vec<f64>,
    /// From the least to the largest value, `[F]`; 1 for a constant column.
    pub range: Vec<f64>,
}

impl MinMaxScaler {
    /// Learns from rows `[N, F]`.
    ///
    /// # Errors
    /// [`Error::Matrix`] if there are no rows or a value is infinite.
    pub fn fit(rows: &Matrix) -> Result<MinMaxScaler> {
        let extremes = |column: Vec<f64>| {
            let min = column.iter().copied().fold(f64::NAN, f64::min);
            let max = column.iter().copied().fold(f64::NAN, f64::max);
            (min, one_for_constant(max - min))
        };
        let (min, range) = columns(rows)?.map(extremes).unzip();
        Ok(MinMaxScaler { min, range })
    }

    /// `(x - min) / range` of rows `[N, F]`.
    ///
    /// # Errors
    /// [`Error::Matrix`] for another F.
    pub fn transform(&self, rows: &Matrix) -> Result<Matrix> {
        map(rows, self.min.len(), |x, f| (x - self.min[f]) / self.range[f])
    }

    /// `x * range + min` of rows `[N, F]`.
    ///
    /// # Errors
    /// [`Error::Matrix`] for another F.
    pub fn inverse_transform(&self, rows: &Matrix) -> Result<Matrix> {
        map(rows, self.min.len(), |x, f| x * self.range[f] + self.min[f])
    }
}

/// Median 0 and interquartile range 1, which outliers hardly move: `(x - center) / scale`.
///
/// ```
/// let rows = data::Matrix::new(vec![1.0, 2.0, 3.0, 4.0, 1000.0], 1)?;
/// let scaler = data::scaler::RobustScaler::fit(&rows)?;
/// assert_eq!(scaler.transform(&rows)?.values(), [-1.0, -0.5, 0.0, 0.5, 498.5]);
/// # Ok::<(), data::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RobustScaler {
    /// Medians, `[F]`.
    pub center: Vec<f64>,
    /// Differences of the quartiles, interpolated between rows, `[F]`; 1 where they are equal.
    pub scale: Vec<f64>,
}

impl RobustScaler {
    /// Learns from rows `[N, F]`.
    ///
    /// # Errors
    /// [`Error::Matrix`] if there are no rows or a value is infinite.
    pub fn fit(rows: &Matrix) -> Result<RobustScaler> {
        let quartiles = |mut column: Vec<f64>| {
            column.sort_unstable_by(f64::total_cmp);
            let [low, median, high] = [0.25, 0.5, 0.75].map(|share| quantile(&column, share));
            (median, one_for_constant(high - low))
        };
        let (center, scale) = columns(rows)?.map(quartiles).unzip();
        Ok(RobustScaler { center, scale })
    }

    /// `(x - center) / scale` of rows `[N, F]`.
    ///
    /// # Errors
    /// [`Error::Matrix`] for another F.
    pub fn transform(&self, rows: &Matrix) -> Result<Matrix> {
        map(rows, self.center.len(), |x, f| (x - self.center[f]) / self.scale[f])
    }

    /// `x * scale + center` of rows `[N, F]`.
    ///
    /// # Errors
    /// [`Error::Matrix`] for another F.
    pub fn inverse_transform(&self, rows: &Matrix) -> Result<Matrix> {
        map(rows, self.center.len(), |x, f| x * self.scale[f] + self.center[f])
    }
}

/// The values of each column that are not missing.
fn columns(rows: &Matrix) -> Result<impl Iterator<Item = Vec<f64>>> {
    if rows.rows() == 0 {
        return Err(Error::Matrix("there are no rows to learn a scale from".into()));
    }
    if let Some(place) = rows.values().iter().position(|value| value.is_infinite()) {
        let (row, column) = (place / rows.columns(), place % rows.columns());
        return Err(Error::Matrix(format!("row {row}, column {column} is infinite and has no scale")));
    }
    let column = move |f: usize| rows.values().iter().skip(f).step_by(rows.columns()).copied();
    let known = move |f| column(f).filter(|value| !value.is_nan()).map(f64::from).collect();
    Ok((0..rows.columns()).map(known))
}

/// The range, or 1 if it is 0 but for rounding.
fn one_for_constant(range: f64) -> f64 {
    if range < 10.0 * f64::EPSILON { 1.0 } else { range }
}

/// Between the neighbours of place `share * (n - 1)` in sorted values: NumPy's "linear" method.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let below = place as usize;
    let (low, high) = (sorted[below], sorted[last.min(below + 1)]);
    low + (high - low) * place.fract()
}

/// Applies a function of a value and its column.
fn map(rows: &Matrix, columns: usize, apply: impl Fn(f64, usize) -> f64) -> Result<Matrix> {
    if rows.columns() != columns {
        return Err(Error::Matrix(format!("the scale of {columns} columns is not for {}", rows.columns())));
    }
    let each = |row| rows.row(row).iter().enumerate().map(|(f, &x)| apply(f64::from(x), f) as f32);
    Matrix::new((0..rows.rows()).flat_map(each).collect(), columns)
}
