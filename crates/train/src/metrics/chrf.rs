//! chrF (Popovic 2015): how many character n-grams two texts share.

use super::ngrams::{ngrams, shared, total};

/// The length of the longest n-grams.
const ORDERS: usize = 6;

/// The weight of recall relative to precision.
const BETA: f64 = 2.0;

/// For each n, the numbers of n-grams in the text, in the reference, and in both.
type Matches = [[u64; 3]; ORDERS];

/// Corpus chrF2 in 0..=1 with one or more references for each text, of which the best one counts: F2 of the mean precision and mean
/// recall of 1-grams to 6-grams of characters, without white space. Equal to sacreBLEU's `corpus_chrf / 100`: an n for which one side
/// is too short is left out.
///
/// ```
/// use train::metrics::chrf;
/// assert_eq!(chrf(&["the cat"], &[&["the cat", "a cat"]]), 1.0);
/// // Single characters: precision 2/3, recall 1; pairs: precision 1/2, recall 1.
/// let (precision, recall) = (7.0 / 12.0, 1.0);
/// assert!((chrf(&["abc"], &[&["ab"]]) - 5.0 * precision * recall / (4.0 * precision + recall)).abs() < 1e-12);
/// ```
///
/// # Panics
/// When there are not as many lists of references as texts, or one is empty.
#[track_caller]
pub fn chrf(texts: &[&str], references: &[&[&str]]) -> f64 {
    assert!(
        texts.len() == references.len(),
        "chrf: {} texts and {} lists of references",
        texts.len(),
        references.len()
    );
    assert!(references.iter().all(|r| !r.is_empty()), "chrf: a text without a reference");
    let mut sums = Matches::default();
    for (text, references) in texts.iter().zip(references) {
        for (sum, found) in sums.as_flattened_mut().iter_mut().zip(best(text, references).as_flattened()) {
            *sum += found;
        }
    }
    f_score(&sums)
}

/// The matches with the best reference; with the first one of a tie.
fn best(text: &str, references: &[&str]) -> Matches {
    let all = references.iter().map(|reference| matches(text, reference));
    all.reduce(|best, next| if f_score(&next) > f_score(&best) { next } else { best }).unwrap_or_default()
}

fn matches(text: &str, reference: &str) -> Matches {
    let [text, reference] =
        [text, reference].map(|t| t.split_whitespace().flat_map(str::chars).collect::<Vec<_>>());
    std::array::from_fn(|i| {
        let n = i + 1;
        let both = shared(&ngrams(&text, n), &ngrams(&reference, n));
        [total(text.len(), n), total(reference.len(), n), both]
    })
}

fn f_score(matches: &Matches) -> f64 {
    let counted: Vec<_> = matches.iter().filter(|m| m[0] > 0 && m[1] > 0).collect();
    let mean = |side: usize| {
        counted.iter().map(|m| m[2] as f64 / m[side] as f64).sum::<f64>() / counted.len().max(1) as f64
    };
    let (precision, recall) = (mean(0), mean(1));
    let below = BETA * BETA * precision + recall;
    if below == 0.0 { 0.0 } else { (1.0 + BETA * BETA) * precision * recall / below }
}
