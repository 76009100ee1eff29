//! The standard normal distribution function.

use std::f64::consts::FRAC_1_SQRT_2;

/// The probability that a standard normal variable is at most `x`, with a relative error of about 1e-14 in both tails.
///
/// ```
/// use methods::inference::normal_cdf;
/// assert!((normal_cdf(1.0) - 0.841_344_746_068_542_9).abs() < 1e-15);
/// assert!((normal_cdf(-6.0) / 9.865_876_450_376_98e-10 - 1.0).abs() < 1e-12);
/// ```
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}
