//! Errors of predicted numbers.

use autograd::{Device, Tensor, cat, stack};

use super::streamed::Streamed;
use super::sums::Sums;
use crate::Result;

/// Errors of predicted numbers, summed on the device. Updates record operations, as [`Accuracy`](super::Accuracy)'s do.
///
/// The sums are compensated for rounding, and targets and residuals are taken relative to the first ones, so that values far from 0
/// do not lose precision.
///
/// ```
/// use autograd::{Device, Tensor};
/// use train::metrics::Regression;
/// let device = Device::named("cpu")?;
/// let predictions = Tensor::from_slice(&device, &[2.5f32, 0.0, 2.0, 8.0], &[4])?;
/// let targets = Tensor::from_slice(&device, &[3.0f32, -0.5, 2.0, 7.0], &[4])?;
/// let mut errors = Regression::new(&device)?;
/// errors.update(&predictions, &targets);
/// let found = errors.compute()?;
/// assert_eq!((found.mse, found.mae), (0.375, 0.5));
/// assert!((found.r2 - 0.948_608).abs() < 1e-6);
/// # Ok::<(), train::Error>(())
/// ```
pub struct Regression {
    /// The offsets `[2]` that targets and residuals are taken relative to.
    origin: Streamed,
    /// Sums of targets, squared targets, residuals, squared residuals, absolute residuals, and the count.
    sums: Sums,
}

/// The results of [`Regression`], named as in `sklearn.metrics`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegressionScores {
    /// Mean squared error.
    pub mse: f64,
    /// Root mean squared error.
    pub rmse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// 1 minus the mean squared error over the variance of the targets. If all targets are equal, 1 for no error and 0 otherwise;
    /// NaN for fewer than two targets.
    pub r2: f64,
    /// As `r2` with the variance of the residuals, which ignores a constant offset.
    pub explained_variance: f64,
}

impl Regression {
    /// Errors without data.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn new(device: &Device) -> Result<Regression> {
        Ok(Regression { origin: Streamed::new(device, &[0f32; 2])?, sums: Sums::new(device, 6)? })
    }

    /// Adds a batch of f32 predictions and targets of the same shape; an empty batch does nothing.
    ///
    /// # Panics
    /// When the shapes differ, or a tensor is not of type f32.
    #[track_caller]
    pub fn update(&mut self, predictions: &Tensor, targets: &Tensor) {
        assert!(
            predictions.shape() == targets.shape(),
            "Regression: predictions {:?}, targets {:?}",
            predictions.shape(),
            targets.shape()
        );
        let float = predictions.dtype().is_float() && targets.dtype().is_float();
        assert!(float, "Regression: {} predictions, {} targets", predictions.dtype(), targets.dtype());
        if targets.numel() == 0 {
            return;
        }
        let (targets, predictions) = (targets.detach(), predictions.detach());
        let residuals = &targets - predictions;
        let first = |x: &Tensor| x.reshape(&[x.numel()]).narrow(0, 0, 1);
        let firsts = cat(&[&first(&targets), &first(&residuals)], 0);
        // Selected on the device instead of by a branch, so that the first step has the same plan as all others.
        let fresh = self.sums.value().select(0, 5).eq(0.0);
        let origin = firsts.where_(&fresh, &self.origin.value());
        let t = targets - origin.select(0, 0);
        let r = &residuals - origin.select(0, 1);
        let count = Tensor::scalar(r.device(), r.numel() as f32);
        let [squares, others] = [&t, &r].map(|x| x.square().sum_all());
        let terms = [t.sum_all(), squares, r.sum_all(), others, residuals.abs().sum_all(), count];
        self.sums.add(&stack(&terms.each_ref(), 0));
        self.origin.update(&origin);
    }

    /// The errors since the start or the last reset; NaN without data.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn compute(&self) -> Result<RegressionScores> {
        let (sums, origin) = (self.sums.read()?, self.origin.value().to_vec::<f32>()?);
        let count = sums[5];
        let mean = |i: usize| sums[i] / count;
        // `clamp` instead of `max`, which would hide NaN.
        let variance = |i: usize| (mean(i + 1) - mean(i).powi(2)).clamp(0.0, f64::INFINITY);
        let (target_variance, residual_variance) = (variance(0), variance(2));
        let mse = residual_variance + (mean(2) + f64::from(origin[1])).powi(2);
        Ok(RegressionScores {
            mse,
            rmse: mse.sqrt(),
            mae: mean(4),
            r2: if count < 2.0 { f64::NAN } else { explained(mse, target_variance) },
            explained_variance: explained(residual_variance, target_variance),
        })
    }

    /// Discards all data.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn reset(&mut self) -> Result<()> {
        *self = Regression::new(self.origin.value().device())?;
        Ok(())
    }
}

/// The share of a variance that is explained, `1 - unexplained / variance`, with scikit-learn's `force_finite`.
fn explained(unexplained: f64, variance: f64) -> f64 {
    match (unexplained == 0.0, variance == 0.0) {
        (true, true) => 1.0,
        (false, true) => 0.0,
        _ => 1.0 - unexplained / variance,
    }
}
