//! Selective prediction: a model may withhold answers.

use super::curves::Curve;

/// The accuracy of the answers that are kept if those of low confidence are withheld (El-Yaniv and Wiener 2010): points (share kept,
/// accuracy of the kept answers) by falling threshold, one for each distinct confidence.
///
/// ```
/// use train::metrics::accuracy_coverage_curve;
/// let curve = accuracy_coverage_curve(&[0.6, 0.9, 0.8, 0.6], &[false, true, true, true]);
/// assert_eq!(curve.points, [(0.25, 1.0), (0.5, 1.0), (1.0, 0.75)]);
/// ```
///
/// # Panics
/// When the numbers of confidences and answers differ, or a confidence is NaN.
#[track_caller]
pub fn accuracy_coverage_curve(confidences: &[f32], right: &[bool]) -> Curve {
    assert!(
        confidences.len() == right.len(),
        "accuracy_coverage_curve: {} confidences and {} answers",
        confidences.len(),
        right.len()
    );
    assert!(confidences.iter().all(|c| !c.is_nan()), "accuracy_coverage_curve: a confidence is NaN");
    let mut order: Vec<usize> = (0..right.len()).collect();
    order.sort_by(|&a, &b| confidences[b].total_cmp(&confidences[a]));
    let (mut kept, mut hits) = (0, 0);
    let mut curve = Curve { points: vec![], thresholds: vec![] };
    for group in order.chunk_by(|&a, &b| confidences[a] == confidences[b]) {
        kept += group.len();
        hits += group.iter().filter(|&&i| right[i]).count();
        curve.points.push((kept as f64 / right.len() as f64, hits as f64 / kept as f64));
        curve.thresholds.push(f64::from(confidences[group[0]]));
    }
    curve
}
