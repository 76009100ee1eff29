//! How well scores separate positives from negatives: ROC and precision-recall curves, and the areas under them.

/// A curve with its thresholds: at point `i`, scores of at least `thresholds[i]` are predicted positive.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// `(x, y)`, for plots.
    pub points: Vec<(f64, f64)>,
    /// Falling, one for each point.
    pub thresholds: Vec<f64>,
}

/// Numbers of false and true positives by falling threshold, one entry for each distinct score.
struct Hits {
    thresholds: Vec<f64>,
    false_positives: Vec<u64>,
    true_positives: Vec<u64>,
}

impl Hits {
    #[track_caller]
    fn new(metric: &str, positive: &[bool], scores: &[f32]) -> Hits {
        assert!(
            positive.len() == scores.len(),
            "{metric}: {} labels and {} scores",
            positive.len(),
            scores.len()
        );
        assert!(scores.iter().all(|s| !s.is_nan()), "{metric}: a score is NaN");
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let mut hits = Hits { thresholds: vec![], false_positives: vec![], true_positives: vec![] };
        // Equal scores are one threshold; 0.0 and -0.0 are equal.
        for group in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
            let true_positives = group.iter().filter(|&&i| positive[i]).count() as u64;
            let last = |counts: &[u64]| counts.last().copied().unwrap_or(0);
            hits.false_positives.push(last(&hits.false_positives) + group.len() as u64 - true_positives);
            hits.true_positives.push(last(&hits.true_positives) + true_positives);
            hits.thresholds.push(f64::from(scores[group[0]]));
        }
        hits
    }

    fn negatives(&self) -> u64 {
        self.false_positives.last().copied().unwrap_or(0)
    }

    fn positives(&self) -> u64 {
        self.true_positives.last().copied().unwrap_or(0)
    }

    fn pairs(&self) -> impl DoubleEndedIterator<Item = (u64, u64)> {
        self.false_positives.iter().copied().zip(self.true_positives.iter().copied())
    }
}

/// The ROC curve, false against true positive rate, from `(0, 0)` at an infinite threshold to `(1, 1)`
/// (`sklearn.metrics.roc_curve` with `drop_intermediate=False`). The rate of a class without examples is NaN.
///
/// ```
/// use train::metrics::roc_curve;
/// let curve = roc_curve(&[false, true, true], &[0.2, 0.4, 0.1]);
/// assert_eq!(curve.points, [(0.0, 0.0), (0.0, 0.5), (1.0, 0.5), (1.0, 1.0)]);
/// ```
///
/// # Panics
/// When there are not as many labels as scores, or a score is NaN.
#[track_caller]
pub fn roc_curve(positive: &[bool], scores: &[f32]) -> Curve {
    let hits = Hits::new("roc_curve", positive, scores);
    let (negatives, positives) = (hits.negatives() as f64, hits.positives() as f64);
    let rates = |(fp, tp): (u64, u64)| (fp as f64 / negatives, tp as f64 / positives);
    let points = std::iter::once((0, 0)).chain(hits.pairs()).map(rates).collect();
    let thresholds = std::iter::once(f64::INFINITY).chain(hits.thresholds.iter().copied()).collect();
    Curve { points, thresholds }
}

/// The area under the ROC curve (`sklearn.metrics.roc_auc_score`): the probability that a positive has a higher score than a
/// negative, ties counting half. NaN when there are no positives or no negatives, as in scikit-learn.
///
/// ```
/// use train::metrics::roc_auc;
/// assert_eq!(roc_auc(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8]), 0.75);
/// ```
///
/// # Panics
/// As [`roc_curve`].
#[doc(alias("AUROC", "roc_auc_score"))]
#[track_caller]
pub fn roc_auc(positive: &[bool], scores: &[f32]) -> f64 {
    let points = roc_curve(positive, scores).points;
    if points.len() == 1 {
        return f64::NAN;
    }
    points.windows(2).map(|w| (w[1].0 - w[0].0) * (w[1].1 + w[0].1) / 2.0).sum()
}

/// The precision-recall curve, points `(recall, precision)` by rising threshold up to the point `(0, 1)` at infinity
/// (`sklearn.metrics.precision_recall_curve`). Without positives the recall of all other points is 1, as in scikit-learn.
///
/// ```
/// use train::metrics::precision_recall_curve;
/// let curve = precision_recall_curve(&[false, true, true], &[0.2, 0.4, 0.1]);
/// assert_eq!(curve.points, [(1.0, 2.0 / 3.0), (0.5, 0.5), (0.5, 1.0), (0.0, 1.0)]);
/// ```
///
/// # Panics
/// As [`roc_curve`].
#[track_caller]
pub fn precision_recall_curve(positive: &[bool], scores: &[f32]) -> Curve {
    let hits = Hits::new("precision_recall_curve", positive, scores);
    let positives = hits.positives();
    let recall = |tp: u64| if positives == 0 { 1.0 } else { tp as f64 / positives as f64 };
    let point = |(fp, tp): (u64, u64)| (recall(tp), tp as f64 / (fp + tp) as f64);
    let points = hits.pairs().rev().map(point).chain([(0.0, 1.0)]).collect();
    let thresholds = hits.thresholds.iter().rev().copied().chain([f64::INFINITY]).collect();
    Curve { points, thresholds }
}

/// Average precision, the area under the steps of the precision-recall curve (`sklearn.metrics.average_precision_score`):
/// precisions weighted by the increase of recall, not interpolated. 0 without positives, as in scikit-learn.
///
/// ```
/// use train::metrics::average_precision;
/// let found = average_precision(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8]);
/// assert!((found - 5.0 / 6.0).abs() < 1e-15);
/// ```
///
/// # Panics
/// As [`roc_curve`].
#[track_caller]
pub fn average_precision(positive: &[bool], scores: &[f32]) -> f64 {
    if !positive.contains(&true) {
        return 0.0;
    }
    let points = precision_recall_curve(positive, scores).points;
    points.windows(2).map(|w| (w[0].0 - w[1].0) * w[0].1).sum()
}
