//! Confidence intervals of a measured share.

/// Wilson's score interval of a share of `successes` in `trials`, `z` standard deviations to both sides: 1.959964 for 95 %, 2.575829
/// for 99 %. `(0, 1)` without trials.
///
/// ```
/// use train::metrics::wilson_interval;
/// let (low, high) = wilson_interval(90, 100, 1.959964);
/// assert!((low - 0.825_634).abs() < 1e-6 && (high - 0.944_771).abs() < 1e-6);
/// ```
///
/// # Panics
/// When there are more successes than trials.
#[track_caller]
pub fn wilson_interval(successes: u64, trials: u64, z: f64) -> (f64, f64) {
    assert!(successes <= trials, "wilson_interval: {successes} of {trials}");
    if trials == 0 {
        return (0.0, 1.0);
    }
    let (n, share) = (trials as f64, successes as f64 / trials as f64);
    let middle = share + z * z / (2.0 * n);
    let reach = z * (share * (1.0 - share) / n + (z / (2.0 * n)).powi(2)).sqrt();
    let shrink = 1.0 + z * z / n;
    // Exactly 0 or 1 at the ends, which rounding could exceed.
    let low = if successes == 0 { 0.0 } else { (middle - reach) / shrink };
    let high = if successes == trials { 1.0 } else { (middle + reach) / shrink };
    (low, high)
}
