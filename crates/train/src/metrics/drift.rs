//! Drift of a model's inputs from its training data.

/// The minimum share of a bin, so that the index stays finite with empty bins.
const LEAST: f64 = 1e-4;

/// The Kolmogorov-Smirnov statistic of two samples (`scipy.stats.ks_2samp`): the largest difference between their empirical
/// distribution functions.
///
/// ```
/// use train::metrics::ks_statistic;
/// assert_eq!(ks_statistic(&[1.0, 2.0, 3.0, 4.0], &[3.0, 4.0, 5.0, 6.0]), 0.5);
/// ```
///
/// # Panics
/// When a sample is empty or has a NaN.
#[track_caller]
pub fn ks_statistic(a: &[f32], b: &[f32]) -> f64 {
    let (a, b) = (sorted("ks_statistic", a), sorted("ks_statistic", b));
    let share = |sample: &[f64], x: f64| sample.partition_point(|&s| s <= x) as f64 / sample.len() as f64;
    a.iter().chain(&b).map(|&x| (share(&a, x) - share(&b, x)).abs()).fold(0.0, f64::max)
}

/// The probability of a [`ks_statistic`] of at least `statistic` for samples of `n` and `m` values of one distribution: Kolmogorov's
/// distribution `2 sum (-1)^(k-1) exp(-2 k^2 t^2)` at Stephens' `t = (s + 0.12 + 0.11 / s) statistic` with `s = sqrt(n m / (n + m))`
/// ("Numerical Recipes", section 14.3), accurate from 8 values each.
///
/// ```
/// use train::metrics::ks_p_value;
/// // The critical value of 5 % for large samples is 1.358 / s.
/// assert!((ks_p_value(1.358 / 500f64.sqrt(), 1000, 1000) - 0.05).abs() < 2e-3);
/// ```
pub fn ks_p_value(statistic: f64, n: usize, m: usize) -> f64 {
    let root = (n as f64 * m as f64 / (n + m) as f64).sqrt();
    let t = (root + 0.12 + 0.11 / root) * statistic;
    // The alternating series does not converge near 0, where the probability is 1.
    if t < 0.2 {
        return 1.0;
    }
    let term = |k: i32| (if k % 2 == 1 { 2.0 } else { -2.0 }) * (-2.0 * f64::from(k * k) * t * t).exp();
    (1..=100).map(term).sum::<f64>().clamp(0.0, 1.0)
}

/// The population stability index of a sample against a reference, over `bins` bins between the reference's quantiles
/// (interpolated linearly, as in NumPy; the outer bins are unbounded): the sum of `(p - q) ln(p / q)` over the shares `p` and `q` of the
/// bins, at least 1e-4 each. Below 0.1 usually means stable, above 0.25 shifted.
///
/// ```
/// use train::metrics::population_stability_index;
/// let reference = [1.0, 2.0, 3.0, 4.0];
/// assert_eq!(population_stability_index(&reference, &reference, 2), 0.0);
/// // Half of the reference and a quarter of the other sample are at most 2.5.
/// let found = population_stability_index(&reference, &[1.0, 3.0, 4.0, 4.0], 2);
/// assert!((found - 0.25 * 3f64.ln()).abs() < 1e-12);
/// ```
///
/// # Panics
/// When a sample is empty or has a NaN, or there are no bins.
#[track_caller]
pub fn population_stability_index(reference: &[f32], sample: &[f32], bins: usize) -> f64 {
    assert!(bins > 0, "population_stability_index: no bins");
    let reference = sorted("population_stability_index", reference);
    let sample = sorted("population_stability_index", sample);
    let mut edges: Vec<f64> = (1..bins).map(|i| quantile(&reference, i as f64 / bins as f64)).collect();
    // Ties in the reference give equal quantiles, with empty bins between them.
    edges.dedup();
    let (p, q) = (shares(&sample, &edges), shares(&reference, &edges));
    p.iter().zip(&q).map(|(p, q)| (p - q) * (p / q).ln()).sum()
}

/// The shares of a sorted sample between successive edges, below the first and above the last one; at least [`LEAST`] each.
fn shares(sample: &[f64], edges: &[f64]) -> Vec<f64> {
    let ends = edges.iter().map(|&e| sample.partition_point(|&s| s <= e)).chain([sample.len()]);
    let mut begin = 0;
    let counts = ends.map(|end| end - std::mem::replace(&mut begin, end));
    counts.map(|count| (count as f64 / sample.len() as f64).max(LEAST)).collect()
}

fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[at as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

#[track_caller]
fn sorted(metric: &str, sample: &[f32]) -> Vec<f64> {
    assert!(!sample.is_empty(), "{metric}: an empty sample");
    assert!(sample.iter().all(|x| !x.is_nan()), "{metric}: a NaN");
    let mut sorted: Vec<f64> = sample.iter().map(|&x| f64::from(x)).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}
