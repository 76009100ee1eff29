//! How well scores rank the documents of a query. For several queries, take the mean.

/// The discounted cumulative gain of the first `k` documents by score, divided by that of the best order
/// (`sklearn.metrics.ndcg_score`): a document of gain `relevance` at rank `i`, from 0, counts `relevance / log2(i + 2)`. Documents of
/// equal scores get the mean over their ranks. 0 if nothing is relevant.
///
/// ```
/// use train::metrics::ndcg;
/// let found = ndcg(&[10.0, 0.0, 0.0, 1.0, 5.0], &[0.1, 0.2, 0.3, 4.0, 70.0], 5);
/// assert!((found - 0.695_694).abs() < 1e-6);
/// ```
///
/// # Panics
/// When the numbers of gains and scores differ, a score is NaN, or a gain is negative or NaN.
#[track_caller]
pub fn ndcg(relevance: &[f32], scores: &[f32], k: usize) -> f64 {
    assert!(relevance.len() == scores.len(), "ndcg: {} gains and {} scores", relevance.len(), scores.len());
    assert!(relevance.iter().all(|&r| r >= 0.0), "ndcg: a gain is negative or NaN");
    let (found, best) = (gain(relevance, scores, k), gain(relevance, relevance, k));
    if best == 0.0 { 0.0 } else { found / best }
}

fn gain(relevance: &[f32], scores: &[f32], k: usize) -> f64 {
    let (order, mut place, mut sum) = (by_score("ndcg", scores), 0, 0.0);
    for group in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let gains: f64 = group.iter().map(|&i| f64::from(relevance[i])).sum();
        let places = place..(place + group.len()).min(k);
        let discounts: f64 = places.map(|i| 1.0 / (i as f64 + 2.0).log2()).sum();
        sum += gains / group.len() as f64 * discounts;
        place += group.len();
    }
    sum
}

/// The share of the relevant documents among the first `k` by score (`torchmetrics.retrieval.RetrievalRecall`); documents of equal
/// scores keep their order. 0 if nothing is relevant.
///
/// ```
/// use train::metrics::recall_at_k;
/// assert_eq!(recall_at_k(&[true, false, true], &[0.2, 0.3, 0.5], 2), 0.5);
/// ```
///
/// # Panics
/// When the numbers of documents and scores differ, or a score is NaN.
#[track_caller]
pub fn recall_at_k(relevant: &[bool], scores: &[f32], k: usize) -> f64 {
    assert!(
        relevant.len() == scores.len(),
        "recall_at_k: {} documents and {} scores",
        relevant.len(),
        scores.len()
    );
    let found = by_score("recall_at_k", scores).into_iter().take(k).filter(|&i| relevant[i]).count();
    found as f64 / relevant.iter().filter(|r| **r).count().max(1) as f64
}

/// Positions by falling score; a stable sort.
#[track_caller]
fn by_score(metric: &str, scores: &[f32]) -> Vec<usize> {
    assert!(scores.iter().all(|s| !s.is_nan()), "{metric}: a score is NaN");
    let mut order: Vec<usize> = (0..scores.len()).collect();
    // Adding 0 makes -0.0 equal to 0.0.
    order.sort_by(|&a, &b| (scores[b] + 0.0).total_cmp(&(scores[a] + 0.0)));
    order
}
