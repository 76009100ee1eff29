//! N-grams of words or characters, and how many two texts share.

use std::collections::HashMap;
use std::hash::Hash;

/// How often each n-gram occurs.
pub(super) fn ngrams<T: Eq + Hash>(text: &[T], n: usize) -> HashMap<&[T], u64> {
    let mut counts = HashMap::new();
    text.windows(n).for_each(|run| *counts.entry(run).or_default() += 1);
    counts
}

/// How many n-grams both texts share, each counted as often as in the text with fewer of it.
pub(super) fn shared<T: Eq + Hash>(a: &HashMap<&[T], u64>, b: &HashMap<&[T], u64>) -> u64 {
    a.iter().map(|(run, &count)| count.min(b.get(run).copied().unwrap_or(0))).sum()
}

/// How many n-grams a text of length `len` has.
pub(super) fn total(len: usize, n: usize) -> u64 {
    (len + 1).saturating_sub(n) as u64
}
