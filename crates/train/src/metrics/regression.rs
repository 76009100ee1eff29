//! How far predicted numbers are from the true ones.

use autograd::{Device, Tensor, cat, stack};

use super::streamed::Streamed;
use super::sums::Sums;
use crate::Result;

/// Errors of predicted numbers, summed on the device. Updates record operations, as [`Accuracy`](super::Accuracy)'s do.
///
/// Sums keep what rounding takes from them, and are of differences from the first target and the first residual, so that numbers
/// far from 0 lose nothing.
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
    /// What targets and residuals `[2]` are measured from.
    origin: Streamed,
    /// Of targets, their squares, residuals, their squares, the residuals' absolute values, and ones.
    sums: Sums,
}

/// What [`Regression`] found, named as in `sklearn.metrics`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegressionScores {
    /// Mean squared error.
    pub mse: f64,
    /// Its root.
    pub rmse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// 1 less the mean squared error in variances of the targets. Where all targets are equal, 1 without any error and 0 with;
    /// NaN of fewer than two.
    pub r2: f64,
    /// As `r2`, but of the residuals' variance: a constant offset is forgiven.
    pub explained_variance: f64,
}

impl Regression {
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn new(device: &Device) -> Result<Regression> {
        Ok(Regression { origin: Streamed::new(device, &[0f32; 2])?, sums: Sums::new(device, 6)? })
    }

    /// Adds a batch of f32 predictions and targets of one shape; nothing when they are empty.
    ///
    /// # Panics
    /// When the shapes differ, or a tensor is not of type f32.
    #[track_caller]
    pub fn update(&mut self, predictions: &Tensor, targets: &Tensor) {
        assert_eq!(predictions.shape(), targets.shape(), "Regression: shapes of predictions and targets");
        let float = predictions.dtype().is_float() && targets.dtype().is_float();
        assert!(float, "Regression: {} predictions, {} targets", predictions.dtype(), targets.dtype());
        if targets.numel() == 0 {
            return;
        }
        let (targets, predictions) = (targets.detach(), predictions.detach());
        let residuals = &targets - predictions;
        let first = |x: &Tensor| x.reshape(&[x.numel()]).narrow(0, 0, 1);
        let firsts = cat(&[&first(&targets), &first(&residuals)], 0);
        // A value, not a branch: the first step's plan is that of all others.
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

    /// The errors since the start or the last reset; NaN of no numbers.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn compute(&self) -> Result<RegressionScores> {
        let (sums, origin) = (self.sums.read()?, self.origin.value().to_vec::<f32>()?);
        let count = sums[5];
        let mean = |i: usize| sums[i] / count;
        // Not max, which would hide NaN.
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

    /// Starts from nothing again.
    ///
    /// # Errors
    /// Whatever goes wrong on the device.
    pub fn reset(&mut self) -> Result<()> {
        *self = Regression::new(self.origin.value().device())?;
        Ok(())
    }
}

/// The share of a variance that is not in `unexplained`, with scikit-learn's `force_finite`.
fn explained(unexplained: f64, variance: f64) -> f64 {
    match (unexplained == 0.0, variance == 0.0) {
        (true, true) => 1.0,
        (false, true) => 0.0,
        _ => 1.0 - unexplained / variance,
    }
}
