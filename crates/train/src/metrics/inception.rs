//! The Inception Score.

/// The Inception Score of generated samples (Salimans et al. 2016): `exp(mean KL(p(y|x) || p(y)))`, from a classifier's probabilities
/// `p(y|x)`, rows of `classes` numbers that sum to 1; `p(y)` is their mean. It is 1 if all samples get the same probabilities, and `classes`
/// if every sample is certain and all classes are equally frequent. The paper's classifier is Inception, for photographs; take one that was
/// trained on data of your kind.
///
/// ```
/// use train::metrics::inception_score;
/// assert_eq!(inception_score(&[1.0, 0.0, 1.0, 0.0], 2), 1.0);
/// assert!((inception_score(&[1.0, 0.0, 0.0, 1.0], 2) - 2.0).abs() < 1e-12);
/// ```
///
/// # Panics
/// When there are no samples, or the last row is not whole.
#[track_caller]
pub fn inception_score(probabilities: &[f32], classes: usize) -> f64 {
    let whole = classes > 0 && !probabilities.is_empty() && probabilities.len().is_multiple_of(classes);
    assert!(whole, "inception_score: {} probabilities in rows of {classes}", probabilities.len());
    let rows = probabilities.chunks_exact(classes);
    let count = rows.len() as f64;
    let mut mean = vec![0.0; classes];
    for row in rows.clone() {
        mean.iter_mut().zip(row).for_each(|(m, &p)| *m += f64::from(p) / count);
    }
    let divergence = |row: &[f32]| {
        let term = |(&p, m): (&f32, &f64)| if p > 0.0 { f64::from(p) * (f64::from(p) / m).ln() } else { 0.0 };
        row.iter().zip(&mean).map(term).sum::<f64>()
    };
    (rows.map(divergence).sum::<f64>() / count).exp()
}
