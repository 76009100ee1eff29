//! BLEU (Papineni et al. 2002).

use std::collections::HashMap;

use super::ngrams::{ngrams, shared, total};

/// The length of the longest n-grams.
const ORDERS: usize = 4;

/// How precisions of 0 are smoothed, named as in sacreBLEU (Chen and Cherry 2014).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Smoothing {
    /// No smoothing: BLEU is 0.
    None,
    /// This number of matches instead of 0; sacreBLEU uses 0.1 (NLTK's method 1).
    Floor(f64),
    /// Adds this to the numbers of matches and n-grams for n above 1; sacreBLEU uses 1 (NLTK's method 2).
    AddK(f64),
    /// Half a match for the first n without matches, a quarter for the second, and so on (NLTK's method 3); sacreBLEU's default.
    Exp,
}

/// Corpus BLEU in 0..=1 of texts whose words are separated by white space, with one or more references for each: the geometric
/// mean of the precisions of 1-grams to 4-grams over the whole corpus, times the brevity penalty. The penalty uses the reference
/// closest in length, the shorter one of a tie. Equal to sacreBLEU's `corpus_bleu(tokenize="none") / 100`.
///
/// ```
/// use train::metrics::{Smoothing, bleu};
/// let found = bleu(&["the cat sat on the mat"], &[&["the cat sat on a mat"]], Smoothing::None);
/// // Precisions 5/6, 3/5, 2/4 and 1/3, and no brevity penalty.
/// assert!((found - (5f64 / 6.0 * 0.6 * 0.5 / 3.0).powf(0.25)).abs() < 1e-12);
/// ```
///
/// # Panics
/// When there are not as many lists of references as texts, or one is empty.
#[track_caller]
pub fn bleu(texts: &[&str], references: &[&[&str]], smoothing: Smoothing) -> f64 {
    assert!(
        texts.len() == references.len(),
        "bleu: {} texts and {} lists of references",
        texts.len(),
        references.len()
    );
    assert!(references.iter().all(|r| !r.is_empty()), "bleu: a text without a reference");
    let mut found = Matches::default();
    texts.iter().zip(references).for_each(|(text, references)| found.add(text, references));
    found.score(smoothing)
}

/// Matches and n-grams for each n, and the lengths of texts and references.
#[derive(Default)]
struct Matches {
    right: [u64; ORDERS],
    runs: [u64; ORDERS],
    words: usize,
    reference_words: usize,
}

impl Matches {
    fn add(&mut self, text: &str, references: &[&str]) {
        let words: Vec<&str> = text.split_whitespace().collect();
        let references: Vec<Vec<&str>> = references.iter().map(|r| r.split_whitespace().collect()).collect();
        let closest = references.iter().map(Vec::len).min_by_key(|&l| (l.abs_diff(words.len()), l));
        self.words += words.len();
        self.reference_words += closest.unwrap_or(0);
        for n in 1..=ORDERS {
            let mut most: HashMap<&[&str], u64> = HashMap::new();
            for (run, count) in references.iter().flat_map(|r| ngrams(r, n)) {
                let known = most.entry(run).or_default();
                *known = count.max(*known);
            }
            self.right[n - 1] += shared(&ngrams(&words, n), &most);
            self.runs[n - 1] += total(words.len(), n);
        }
    }

    fn score(&self, smoothing: Smoothing) -> f64 {
        if self.right[0] == 0 {
            return 0.0;
        }
        let (mut halves, mut logs) = (1.0, 0.0);
        for (i, (&right, &runs)) in self.right.iter().zip(&self.runs).enumerate() {
            let more = if let (Smoothing::AddK(k), 1..) = (smoothing, i) { k } else { 0.0 };
            let (mut right, runs) = (right as f64 + more, runs as f64 + more);
            if right == 0.0 {
                right = match smoothing {
                    Smoothing::Floor(matches) => matches,
                    Smoothing::Exp => {
                        halves /= 2.0;
                        halves
                    }
                    Smoothing::None | Smoothing::AddK(_) => 0.0,
                };
            }
            // If every text is too short for an n-gram, the score is 0.
            logs += if runs == 0.0 { f64::NEG_INFINITY } else { (right / runs).ln() };
        }
        let ratio = self.reference_words as f64 / self.words as f64;
        (logs / ORDERS as f64 + (1.0 - ratio).min(0.0)).exp()
    }
}
