//! Temperature scaling.

/// The temperature `T` that minimises the cross-entropy of `softmax(logits / T)` (Guo et al. 2017, "On calibration of modern neural
/// networks"). The cross-entropy is convex in `1 / T`; the root of its derivative, expected minus true logit, is found by bisection
/// between 1e-3 and 1e3. Fit it on held-out examples. Dividing by it changes confidences, but no answers.
///
/// ```
/// use train::metrics::fit_temperature;
/// // Three of four answers are right, but sigmoid(4) = 0.982 is claimed: ln 3 would be 0.75.
/// let logits = [4.0, 0.0, 4.0, 0.0, 4.0, 0.0, 4.0, 0.0];
/// let temperature = fit_temperature(&logits, &[0, 0, 0, 1], 2);
/// assert!((temperature - 4.0 / 3f64.ln()).abs() < 1e-6);
/// ```
///
/// # Panics
/// When there are no examples, the logits are not `[labels, classes]`, or a label is outside of the classes.
#[track_caller]
pub fn fit_temperature(logits: &[f32], labels: &[u32], classes: usize) -> f64 {
    assert!(!labels.is_empty(), "fit_temperature: no examples");
    assert!(
        logits.len() == labels.len() * classes,
        "fit_temperature: {} logits and {} labels",
        logits.len(),
        labels.len() * classes
    );
    assert!(labels.iter().all(|&l| (l as usize) < classes), "fit_temperature: a label that is no class");
    let slope = |inverse: f64| -> f64 {
        let of = |(row, &label): (&[f32], &u32)| {
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let weight = |z: f32| (inverse * f64::from(z - most)).exp();
            let total: f64 = row.iter().map(|&z| weight(z)).sum();
            let mean = row.iter().map(|&z| weight(z) * f64::from(z)).sum::<f64>() / total;
            mean - f64::from(row[label as usize])
        };
        logits.chunks(classes).zip(labels).map(of).sum()
    };
    let (mut low, mut high) = (1e-3f64.ln(), 1e3f64.ln());
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if slope(middle.exp()) > 0.0 { high = middle } else { low = middle }
    }
    (-(low + high) / 2.0).exp()
}
