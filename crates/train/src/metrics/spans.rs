//! Entities in tagged sequences (Tjong Kim Sang and De Meulder 2003, "Introduction to the CoNLL-2003 shared task").

use std::ops::Range;

/// A run of tokens of one entity, with its kind.
pub type Span<'a> = (Range<usize>, &'a str);

/// The entities of tags `O`, `B-KIND` (begins) and `I-KIND` (inside). As in CoNLL's evaluation, an `I` after anything but its own kind
/// begins an entity, too.
///
/// ```
/// use train::metrics::bio_spans;
/// let spans = bio_spans(&["B-PER", "I-PER", "O", "I-LOC", "B-LOC"]);
/// assert_eq!(spans, [(0..2, "PER"), (3..4, "LOC"), (4..5, "LOC")]);
/// ```
pub fn bio_spans<'a>(tags: &[&'a str]) -> Vec<Span<'a>> {
    let mut spans: Vec<Span> = vec![];
    for (i, tag) in tags.iter().enumerate() {
        match (tag.split_once('-'), spans.last_mut()) {
            (Some(("I", kind)), Some((range, open))) if range.end == i && *open == kind => range.end += 1,
            (Some((_, kind)), _) => spans.push((i..i + 1, kind)),
            (None, _) => {}
        }
    }
    spans
}

/// Scores of exactly matched entities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpanScores {
    /// The share of found entities that are right; 0 if none were found.
    pub precision: f64,
    /// The share of true entities that were found; 0 if there are none.
    pub recall: f64,
    /// The harmonic mean of precision and recall.
    pub f1: f64,
}

/// Scores over all sequences of tags: an entity is right if its start, end and kind are.
///
/// ```
/// use train::metrics::span_scores;
/// let found = [vec!["B-PER", "I-PER", "O"], vec!["B-LOC"]];
/// let truth = [vec!["B-PER", "O", "O"], vec!["B-LOC"]];
/// assert_eq!(span_scores(&found, &truth).f1, 0.5);
/// ```
///
/// # Panics
/// When the numbers of sequences differ.
#[track_caller]
pub fn span_scores(found: &[Vec<&str>], truth: &[Vec<&str>]) -> SpanScores {
    assert!(found.len() == truth.len(), "span_scores: {} and {} sequences", found.len(), truth.len());
    let (mut both, mut ours, mut theirs) = (0, 0, 0);
    for (found, truth) in found.iter().zip(truth) {
        let (found, truth) = (bio_spans(found), bio_spans(truth));
        both += found.iter().filter(|span| truth.contains(span)).count();
        ours += found.len();
        theirs += truth.len();
    }
    let [precision, recall] = [ours, theirs].map(|n| both as f64 / n.max(1) as f64);
    let f1 = if both == 0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) };
    SpanScores { precision, recall, f1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_beginnings_and_ends_count() {
        let truth = [vec!["B-A", "I-A", "B-A", "O", "B-B"]];
        let score = |tags: [&'static str; 5]| span_scores(&[tags.to_vec()], &truth);
        assert_eq!(score(["B-A", "I-A", "B-A", "O", "B-B"]).f1, 1.0);
        // One entity instead of two, and another one of the wrong kind.
        assert_eq!(
            score(["B-A", "I-A", "I-A", "O", "B-A"]),
            SpanScores { precision: 0.0, recall: 0.0, f1: 0.0 }
        );
        let two = score(["B-A", "I-A", "B-A", "O", "O"]);
        assert_eq!((two.precision, two.recall), (1.0, 2.0 / 3.0));
        assert_eq!(score(["O"; 5]).f1, 0.0);
        // An I of another kind begins an entity.
        assert_eq!(bio_spans(&["I-A", "I-B", "I-B"]), [(0..1, "A"), (1..3, "B")]);
    }
}
