//! BLEU (Papineni et al. 2002).

use std::collections::HashMap;

use super::ngrams::{ngrams, shared, total};

/// The longest runs of words that count.
const ORDERS: usize = 4;

/// What a precision of 0 becomes, as sacreBLEU names it (Chen and Cherry 2014).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Smoothing {
    /// It stays, and BLEU is 0.
    None,
    /// That many matches instead of none; sacreBLEU uses 0.1 (NLTK's method 1).
    Floor(f64),
    /// That many more matches and runs for all but single words; sacreBLEU uses 1 (NLTK's method 2).
    AddK(f64),
    /// A half match for the first such order, a quarter for the second, and so on (NLTK's method 3); sacreBLEU's default.
    Exp,
}

/// Corpus BLEU in 0..=1 of texts whose words are parted by white space, with one or more references for each: the geometric
/// mean of the precisions of runs of 1 to 4 words over the whole corpus, times the brevity penalty against the references closest
/// in length (the shorter of two). It is sacreBLEU's `corpus_bleu(tokenize="none") / 100`.
///
/// ```
/// use train::metrics::{Smoothing, bleu};
/// let found = bleu(&["the cat sat on the mat"], &[&["the cat sat on a mat"]], Smoothing::None);
/// // Precisions 5/6, 3/5, 2/4 and 1/3, and no penalty.
/// assert!((found - (5f64 / 6.0 * 0.6 * 0.5 / 3.0).powf(0.25)).abs() < 1e-12);
/// ```
///
/// # Panics
/// When there are not as many lists of references as texts, or one is empty.
#[track_caller]
pub fn bleu(texts: &[&str], references: &[&[&str]], smoothing: Smoothing) -> f64 {
    assert_eq!(texts.len(), references.len(), "bleu: how many texts and lists of references");
    assert!(references.iter().all(|r| !r.is_empty()), "bleu: a text without a reference");
    let mut found = Matches::default();
    texts.iter().zip(references).for_each(|(text, references)| found.add(text, references));
    found.score(smoothing)
}

/// Matches and runs of each order, and the lengths of both sides.
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
            // Texts that are all too short for an order score 0.
            logs += if runs == 0.0 { f64::NEG_INFINITY } else { (right / runs).ln() };
        }
        let ratio = self.reference_words as f64 / self.words as f64;
        (logs / ORDERS as f64 + (1.0 - ratio).min(0.0)).exp()
    }
}
