//! Whether one share is larger than another.

/// The z statistic of two shares, `a` of `n` and `b` of `m`, with their pooled variance (the two-proportion test). It is about standard
/// normal if both have the same probability: above 1.645 the first is larger at the 5 % level, above 2.326 at 1 %. 0 if the pooled
/// variance is 0.
///
/// ```
/// use train::metrics::two_proportion_z;
/// assert!((two_proportion_z((30, 100), (20, 100)) - 0.1 / (0.25f64 * 0.75 / 50.0).sqrt()).abs() < 1e-12);
/// assert_eq!(two_proportion_z((0, 10), (0, 20)), 0.0);
/// ```
///
/// # Panics
/// When a sample is empty, or has more successes than trials.
#[track_caller]
pub fn two_proportion_z((a, n): (u64, u64), (b, m): (u64, u64)) -> f64 {
    assert!(0 < n && a <= n && 0 < m && b <= m, "two_proportion_z: {a} of {n} and {b} of {m}");
    let (n, m) = (n as f64, m as f64);
    let pooled = (a + b) as f64 / (n + m);
    let deviation = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    if deviation == 0.0 { 0.0 } else { (a as f64 / n - b as f64 / m) / deviation }
}
