//! Edit distance, and error rates of recognised sequences.

/// The number of insertions, deletions and replacements that turn `a` into `b` (Levenshtein 1966).
///
/// ```
/// use train::metrics::edit_distance;
/// let [a, b] = ["kitten", "sitting"].map(|word| word.chars().collect::<Vec<_>>());
/// assert_eq!(edit_distance(&a, &b), 3);
/// ```
pub fn edit_distance<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, item) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(item != other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// The word, character or label error rate: edits from the recognised sequences to the true ones, per token of the truth. It may
/// exceed 1; NaN if the truth has no tokens.
///
/// ```
/// use train::metrics::error_rate;
/// let (found, truth) = ([vec![1, 2], vec![3]], [vec![1, 2, 3], vec![3]]);
/// assert_eq!(error_rate(&found, &truth), 0.25);
/// ```
///
/// # Panics
/// When the numbers of sequences differ.
#[doc(alias("WordErrorRate", "CharErrorRate"))]
#[track_caller]
pub fn error_rate<T: PartialEq>(found: &[Vec<T>], truth: &[Vec<T>]) -> f64 {
    assert!(found.len() == truth.len(), "error_rate: {} and {} sequences", found.len(), truth.len());
    let edits: usize = found.iter().zip(truth).map(|(found, truth)| edit_distance(found, truth)).sum();
    let tokens: usize = truth.iter().map(Vec::len).sum();
    if tokens == 0 { f64::NAN } else { edits as f64 / tokens as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The recursive definition: the last items are equal, or one is replaced, deleted or inserted.
    fn slowly(a: &[u8], b: &[u8]) -> usize {
        match (a, b) {
            ([], _) => b.len(),
            (_, []) => a.len(),
            ([a @ .., x], [b @ .., y]) if x == y => slowly(a, b),
            ([shorter_a @ .., _], [shorter_b @ .., _]) => {
                1 + slowly(shorter_a, shorter_b).min(slowly(shorter_a, b)).min(slowly(a, shorter_b))
            }
        }
    }

    #[test]
    fn agrees_with_its_definition() {
        for code in 0..3usize.pow(8) {
            let items: Vec<u8> = (0..8).map(|i| (code / 3usize.pow(i) % 3) as u8).collect();
            let (a, b) = items.split_at(code % 9);
            assert_eq!(edit_distance(a, b), slowly(a, b), "{a:?} {b:?}");
        }
    }
}
