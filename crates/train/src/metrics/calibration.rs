//! Calibration: whether confidences match the shares of right answers.

/// The answers in one range of confidences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReliabilityBin {
    /// Mean confidence; 0 without answers.
    pub confidence: f64,
    /// Share of right answers; 0 without answers.
    pub accuracy: f64,
    /// Answers in the range.
    pub count: u64,
}

/// The bins of a reliability diagram (Guo et al. 2017): answers by confidence, in `bins` equal ranges of 0..=1. A range includes its
/// lower end; a confidence of 1 is in the last one.
///
/// ```
/// use train::metrics::{expected_calibration_error, reliability};
/// let (confidences, right) = ([0.95, 0.85, 0.6, 0.55], [true, false, true, false]);
/// let bins = reliability(&confidences, &right, 2);
/// assert_eq!((bins[0].count, bins[1].count, bins[1].accuracy), (0, 4, 0.5));
/// assert!((expected_calibration_error(&bins) - 0.2375).abs() < 1e-7);
/// ```
///
/// # Panics
/// When there are not as many confidences as answers, a confidence is outside of 0..=1, or there are no bins.
#[track_caller]
pub fn reliability(confidences: &[f32], right: &[bool], bins: usize) -> Vec<ReliabilityBin> {
    assert!(
        confidences.len() == right.len(),
        "reliability: {} confidences and {} answers",
        confidences.len(),
        right.len()
    );
    assert!(bins > 0, "reliability: no bins");
    let mut sums = vec![(0.0, 0u64, 0u64); bins];
    for (&confidence, &right) in confidences.iter().zip(right) {
        assert!((0.0..=1.0).contains(&confidence), "reliability: a confidence of {confidence}");
        let bin = (f64::from(confidence) * bins as f64) as usize;
        let sum = &mut sums[bin.min(bins - 1)];
        *sum = (sum.0 + f64::from(confidence), sum.1 + u64::from(right), sum.2 + 1);
    }
    let bin = |(confidence, right, count): (f64, u64, u64)| {
        let some = count.max(1) as f64;
        ReliabilityBin { confidence: confidence / some, accuracy: right as f64 / some, count }
    };
    sums.into_iter().map(bin).collect()
}

/// ECE (Naeini et al. 2015, `torchmetrics.CalibrationError(norm="l1")`): the mean distance between accuracy and confidence over the bins of
/// [`reliability`], weighted by their counts; 0 without answers. 15 bins are usual.
#[doc(alias = "CalibrationError")]
pub fn expected_calibration_error(bins: &[ReliabilityBin]) -> f64 {
    let total = bins.iter().map(|b| b.count).sum::<u64>().max(1) as f64;
    bins.iter().map(|b| b.count as f64 / total * (b.accuracy - b.confidence).abs()).sum()
}
