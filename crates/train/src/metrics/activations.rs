//! How the units of a layer behave over a batch.

use autograd::Tensor;

use crate::Result;

/// Statistics of a layer's outputs over a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActivationStatistics {
    /// Mean of all values.
    pub mean: f64,
    /// Standard deviation of all values, divided by their number.
    pub std: f64,
    /// Share of values that are exactly 0.
    pub zeros: f64,
    /// Units with the same value for every example: dead ones, if they are rectified.
    pub dead: usize,
}

/// The statistics of a layer's outputs `[N, .., units]` over a batch. In a healthy network the deviation is similar in all layers, and
/// no units are dead.
///
/// ```
/// use autograd::{Device, Tensor};
/// use train::metrics::activation_statistics;
/// let device = Device::named("cpu")?;
/// // The second of three units is dead.
/// let y = Tensor::from_slice(&device, &[1.0f32, 0.0, 3.0, 3.0, 0.0, 5.0], &[2, 3])?;
/// let found = activation_statistics(&y)?;
/// assert_eq!((found.mean, found.zeros, found.dead), (2.0, 1.0 / 3.0, 1));
/// # Ok::<(), train::Error>(())
/// ```
///
/// # Errors
/// Whatever goes wrong on the device.
///
/// # Panics
/// When there are no units.
#[track_caller]
pub fn activation_statistics(values: &Tensor) -> Result<ActivationStatistics> {
    let units = *values.shape().last().filter(|&&units| units > 0).expect("activation_statistics: no units");
    let values = values.to_vec::<f32>()?;
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / count;
    let zeros = values.iter().filter(|&&v| v == 0.0).count() as f64 / count;
    let constant = |unit: usize| values.iter().skip(unit).step_by(units).all(|v| *v == values[unit]);
    let dead = if values.is_empty() { 0 } else { (0..units).filter(|&unit| constant(unit)).count() };
    Ok(ActivationStatistics { mean, std: variance.sqrt(), zeros, dead })
}
