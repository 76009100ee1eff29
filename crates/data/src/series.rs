//! Time series as windows: past steps, and those that follow.

use std::sync::Arc;

use autograd::{Device, Tensor};

use crate::batches::Examples;
use crate::error::{Error, Result};
use crate::matrix::Matrix;

/// Windows that slide over steps in time: `length` input steps, and the `horizon` steps after them to predict.
///
/// ```
/// use data::{Examples, Matrix, SeriesOptions, SeriesWindows};
/// let series = Matrix::new((0..20).map(|step| step as f32).collect(), 1)?;
/// let options = SeriesOptions { length: 4, horizon: 2, stride: 1, targets: None };
/// let windows = SeriesWindows::new(series, options)?;
/// assert_eq!(windows.len(), 15);
/// let batch = windows.collate(&[3]);
/// assert_eq!((batch.inputs, batch.targets), (vec![3.0, 4.0, 5.0, 6.0], vec![7.0, 8.0]));
/// let [train, test] = windows.split([0.6, 0.4])?;
/// assert_eq!((train.len(), test.len()), (7, 3));
/// assert_eq!(test.collate(&[0]).inputs, [12.0, 13.0, 14.0, 15.0]);
/// # Ok::<(), data::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesWindows {
    series: Arc<Matrix>,
    options: SeriesOptions,
    targets: Vec<usize>,
    /// All windows lie within the steps `start..end`.
    start: usize,
    end: usize,
}

/// How windows lie on a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesOptions {
    /// Input steps, L.
    pub length: usize,
    /// Steps to predict, H.
    pub horizon: usize,
    /// Steps from a window's beginning to the next one's.
    pub stride: usize,
    /// The columns to predict; all if not given.
    pub targets: Option<Vec<usize>>,
}

/// Several windows.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesBatch {
    /// `[B, L, F]`
    pub inputs: Vec<f32>,
    /// `[B, H, K]`
    pub targets: Vec<f32>,
    /// `[B, L, F]`
    pub shape: [usize; 3],
    /// `[B, H, K]`
    pub target_shape: [usize; 3],
    /// The windows' places, `[B]`.
    pub indices: Vec<u32>,
}

/// Windows as tensors.
#[derive(Debug, Clone)]
pub struct DeviceSeries {
    /// f32 `[B, L, F]`.
    pub inputs: Tensor,
    /// f32 `[B, H, K]`.
    pub targets: Tensor,
}

impl SeriesWindows {
    /// Windows on a series `[T, F]`, whose rows are in the order of time.
    ///
    /// # Errors
    /// [`Error::Examples`] if length, horizon or stride is 0, a target is no column, or the series is shorter than a window.
    pub fn new(series: Matrix, options: SeriesOptions) -> Result<SeriesWindows> {
        let SeriesOptions { length, horizon, stride, targets } = &options;
        if [length, horizon, stride].contains(&&0) {
            return Err(Error::Examples(format!(
                "windows of {length} steps, {horizon} behind, every {stride}"
            )));
        }
        let targets = targets.clone().unwrap_or_else(|| (0..series.columns()).collect());
        if let Some(column) = targets.iter().find(|&&column| column >= series.columns()) {
            return Err(Error::Examples(format!("no column {column}: the series has {}", series.columns())));
        }
        if targets.is_empty() {
            return Err(Error::Examples("no columns to predict".into()));
        }
        let end = series.rows();
        SeriesWindows { series: Arc::new(series), options, targets, start: 0, end }.checked()
    }

    /// Windows of consecutive parts in the order of time, as in scikit-learn's `TimeSeriesSplit`: the fractions are of the steps,
    /// and no window reaches into another part, so that no test step is seen in training.
    ///
    /// # Errors
    /// [`Error::Split`] if the fractions are not above 0 with a sum of 1, [`Error::Examples`] if a part is shorter
    /// than a window.
    pub fn split<const P: usize>(&self, fractions: [f64; P]) -> Result<[SeriesWindows; P]> {
        let steps: Vec<usize> = (self.start..self.end).collect();
        let parts = crate::split::by_time(&steps, fractions)?;
        let mut start = self.start;
        let mut windows = Vec::with_capacity(P);
        for part in parts {
            let end = start + part.len();
            windows.push(SeriesWindows { start, end, ..self.clone() }.checked()?);
            start = end;
        }
        windows.try_into().map_err(|_| Error::Split("as many parts as fractions".into()))
    }

    fn checked(self) -> Result<SeriesWindows> {
        let (steps, window) = (self.end - self.start, self.window());
        if window.is_none_or(|window| steps < window) {
            let SeriesOptions { length, horizon, .. } = self.options;
            return Err(Error::Examples(format!(
                "{steps} steps are too few for windows of {length} and {horizon} behind; use shorter ones or larger parts"
            )));
        }
        Ok(self)
    }

    /// Steps of a window, with its horizon.
    fn window(&self) -> Option<usize> {
        self.options.length.checked_add(self.options.horizon)
    }

    /// The first input step of a window.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Examples::len).
    pub fn step(&self, index: u32) -> usize {
        assert!((index as usize) < self.len(), "no window {index}: there are {}", self.len());
        self.start + index as usize * self.options.stride
    }
}

impl Examples for SeriesWindows {
    type Batch = SeriesBatch;

    fn len(&self) -> usize {
        let room = self.window().and_then(|window| (self.end - self.start).checked_sub(window));
        room.map_or(0, |room| room / self.options.stride + 1)
    }

    fn collate(&self, indices: &[u32]) -> SeriesBatch {
        let SeriesOptions { length, horizon, .. } = self.options;
        let (mut inputs, mut targets) = (vec![], vec![]);
        for &index in indices {
            let first = self.step(index);
            let next = first + length;
            (first..next).for_each(|step| inputs.extend_from_slice(self.series.row(step)));
            for row in (next..next + horizon).map(|step| self.series.row(step)) {
                targets.extend(self.targets.iter().map(|&column| row[column]));
            }
        }
        SeriesBatch {
            inputs,
            targets,
            shape: [indices.len(), length, self.series.columns()],
            target_shape: [indices.len(), horizon, self.targets.len()],
            indices: indices.to_vec(),
        }
    }
}

impl SeriesBatch {
    /// Copies the batch to a device.
    ///
    /// # Errors
    /// Out of memory.
    pub fn to_device(&self, device: &Device) -> autograd::Result<DeviceSeries> {
        Ok(DeviceSeries {
            inputs: Tensor::from_slice(device, &self.inputs, &self.shape)?,
            targets: Tensor::from_slice(device, &self.targets, &self.target_shape)?,
        })
    }
}
