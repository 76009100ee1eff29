//! ROUGE (Lin 2004): how much of a reference is in a summary, and how much of the summary is in the reference.
//!
//! Words are runs of ASCII letters and digits in lower case, as in Google's `rouge_score` without stemming. For several texts, take the
//! mean.

use super::ngrams::{ngrams, shared, total};

/// Precision, recall and their harmonic mean, each 0 if it would divide by zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RougeScore {
    /// Share of the summary that is in the reference.
    pub precision: f64,
    /// Share of the reference that is in the summary.
    pub recall: f64,
    /// `2 precision recall / (precision + recall)`
    pub f1: f64,
}

impl RougeScore {
    fn new(both: u64, summary: u64, reference: u64) -> RougeScore {
        let [precision, recall] = [summary, reference].map(|n| both as f64 / n.max(1) as f64);
        let f1 = if both == 0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) };
        RougeScore { precision, recall, f1 }
    }
}

/// ROUGE-N: n-grams of words that both texts share.
///
/// ```
/// use train::metrics::rouge_n;
/// let found = rouge_n("The cat sat.", "the cat sat on the mat", 2);
/// assert_eq!((found.precision, found.recall), (1.0, 0.4));
/// ```
///
/// # Panics
/// When `n` is 0.
#[track_caller]
pub fn rouge_n(summary: &str, reference: &str, n: usize) -> RougeScore {
    assert!(n > 0, "rouge_n: runs of 0 words");
    let (summary, reference) = (words(summary), words(reference));
    let both = shared(&ngrams(&summary, n), &ngrams(&reference, n));
    RougeScore::new(both, total(summary.len(), n), total(reference.len(), n))
}

/// ROUGE-L: the longest common subsequence of words.
///
/// ```
/// use train::metrics::rouge_l;
/// let found = rouge_l("the cat on a mat", "the cat sat on the mat");
/// assert_eq!((found.precision, found.recall), (0.8, 4.0 / 6.0));
/// ```
pub fn rouge_l(summary: &str, reference: &str) -> RougeScore {
    let (summary, reference) = (words(summary), words(reference));
    RougeScore::new(common(&summary, &reference), summary.len() as u64, reference.len() as u64)
}

/// The length of the longest common subsequence.
fn common(a: &[String], b: &[String]) -> u64 {
    let mut row = vec![0; b.len() + 1];
    for word in a {
        let mut diagonal = 0;
        for (j, other) in b.iter().enumerate() {
            let longer = if word == other { diagonal + 1 } else { row[j].max(row[j + 1]) };
            diagonal = std::mem::replace(&mut row[j + 1], longer);
        }
    }
    row[b.len()]
}

fn words(text: &str) -> Vec<String> {
    // Unicode's lower case may turn other letters into ASCII: the Kelvin sign is a k.
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|w| !w.is_empty()).map(str::to_owned).collect()
}
