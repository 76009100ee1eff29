//! Decoding labels from the outputs of a network trained with CTC (Graves et al. 2006).

use std::collections::BTreeMap;

use super::Hypothesis;

/// The labels of a path: repeated classes are merged, then blanks removed.
///
/// ```
/// use models::ctc_collapse;
/// assert_eq!(ctc_collapse(&[0, 3, 3, 0, 3, 5, 5], 0), [3, 3, 5]);
/// ```
pub fn ctc_collapse(path: &[i32], blank: i32) -> Vec<i32> {
    let mut last = blank;
    let label = |&class: &i32| {
        let starts = class != blank && class != last;
        last = class;
        starts
    };
    path.iter().copied().filter(label).collect()
}

/// The labels of the most probable path, for log-probabilities (or logits) `[T, classes]`: best-path decoding.
///
/// ```
/// use models::ctc_greedy;
/// // A blank, twice class 1, a blank, class 1.
/// let p = [0.9, 0.1, 0.2, 0.8, 0.3, 0.7, 0.6, 0.4, 0.1, 0.9f32].map(f32::ln);
/// assert_eq!(ctc_greedy(&p, 2, 0), [1, 1]);
/// ```
///
/// # Panics
/// When the log-probabilities are not a whole number of steps, or `blank` is no class.
#[track_caller]
pub fn ctc_greedy(log_probs: &[f32], classes: usize, blank: i32) -> Vec<i32> {
    let steps = steps("ctc_greedy", log_probs, classes, blank);
    let best = |step: &[f32]| (0..classes).rev().max_by(|&a, &b| step[a].total_cmp(&step[b]));
    let path: Vec<i32> = steps.filter_map(best).map(|class| class as i32).collect();
    ctc_collapse(&path, blank)
}

/// Log-probabilities of the paths that collapse to some labels: of those that end in a blank, and of the others.
#[derive(Clone, Copy)]
struct Ends {
    blank: f64,
    label: f64,
}

const NEVER: f64 = f64::NEG_INFINITY;

impl Ends {
    const NONE: Ends = Ends { blank: NEVER, label: NEVER };

    fn total(&self) -> f64 {
        log_add(self.blank, self.label)
    }
}

/// The most probable label sequences for log-probabilities `[T, classes]`, at most `beams` of them, the best first, by prefix beam search
/// (Hannun et al. 2014, "First-pass large vocabulary continuous speech recognition using bi-directional recurrent DNNs"): the
/// probabilities of paths that collapse to the same labels are added up. With enough beams the result is exact.
///
/// ```
/// use models::{ctc_beam_search, ctc_greedy};
/// // The best path has only blanks, but three others collapse to the label 1.
/// let p = [0.6, 0.4, 0.6, 0.4f32].map(f32::ln);
/// assert!(ctc_greedy(&p, 2, 0).is_empty());
/// let best = &ctc_beam_search(&p, 2, 0, 4)[0];
/// assert_eq!(best.tokens, [1]);
/// assert!((best.log_probability - 0.64f64.ln()).abs() < 1e-6);
/// ```
///
/// # Panics
/// As [`ctc_greedy`], and when there are no beams.
#[track_caller]
pub fn ctc_beam_search(log_probs: &[f32], classes: usize, blank: i32, beams: usize) -> Vec<Hypothesis> {
    assert!(beams > 0, "ctc_beam_search: no beams");
    let mut kept = BTreeMap::from([(vec![], Ends { blank: 0.0, label: NEVER })]);
    for step in steps("ctc_beam_search", log_probs, classes, blank) {
        let mut next: BTreeMap<Vec<i32>, Ends> = BTreeMap::new();
        for (labels, ends) in &kept {
            for (class, &log) in step.iter().enumerate() {
                let (class, log) = (class as i32, f64::from(log));
                if class == blank {
                    let own = next.entry(labels.clone()).or_insert(Ends::NONE);
                    own.blank = log_add(own.blank, ends.total() + log);
                    continue;
                }
                // Without a blank in between, the class extends the last label; after a blank, it adds a new one.
                let repeats = labels.last() == Some(&class);
                if repeats {
                    let own = next.entry(labels.clone()).or_insert(Ends::NONE);
                    own.label = log_add(own.label, ends.label + log);
                }
                let before = if repeats { ends.blank } else { ends.total() };
                let longer = next.entry([&labels[..], &[class]].concat()).or_insert(Ends::NONE);
                longer.label = log_add(longer.label, before + log);
            }
        }
        let mut best: Vec<_> = next.into_iter().filter(|(_, ends)| ends.total() > NEVER).collect();
        best.sort_by(|a, b| b.1.total().total_cmp(&a.1.total()));
        best.truncate(beams);
        kept = best.into_iter().collect();
    }
    let found = |(tokens, ends): (Vec<i32>, Ends)| Hypothesis { tokens, log_probability: ends.total() };
    let mut found: Vec<Hypothesis> = kept.into_iter().map(found).collect();
    found.sort_by(|a, b| b.log_probability.total_cmp(&a.log_probability));
    found
}

#[track_caller]
fn steps<'a>(
    name: &str,
    log_probs: &'a [f32],
    classes: usize,
    blank: i32,
) -> std::slice::ChunksExact<'a, f32> {
    let fits = classes > 0 && log_probs.len().is_multiple_of(classes) && (0..classes as i32).contains(&blank);
    assert!(fits, "{name}: {} log-probabilities of {classes} classes, blank {blank}", log_probs.len());
    log_probs.chunks_exact(classes)
}

fn log_add(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    if low == NEVER { high } else { high + (low - high).exp().ln_1p() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSES: usize = 3;

    fn log_probs(steps: usize) -> Vec<f32> {
        let logits = (0..steps * CLASSES).map(|i| ((i * 29 + 3) % 13) as f64 / 3.0).collect::<Vec<_>>();
        let log_softmax = |row: &[f64]| {
            let sum: f64 = row.iter().map(|l| l.exp()).sum();
            row.iter().map(|l| (l - sum.ln()) as f32).collect::<Vec<_>>()
        };
        logits.chunks(CLASSES).flat_map(log_softmax).collect()
    }

    /// Probabilities of all label sequences, by enumeration of all paths.
    fn all(log_probs: &[f32], blank: i32) -> BTreeMap<Vec<i32>, f64> {
        let steps = log_probs.len() / CLASSES;
        let mut found = BTreeMap::new();
        for code in 0..CLASSES.pow(steps as u32) {
            let path: Vec<i32> =
                (0..steps).map(|t| (code / CLASSES.pow(t as u32) % CLASSES) as i32).collect();
            let log: f64 =
                path.iter().enumerate().map(|(t, &c)| f64::from(log_probs[t * CLASSES + c as usize])).sum();
            *found.entry(ctc_collapse(&path, blank)).or_insert(0.0) += log.exp();
        }
        found
    }

    #[test]
    fn many_beams_give_the_probabilities_of_all_labels() {
        for blank in [0, 2] {
            let log_probs = log_probs(6);
            let all = all(&log_probs, blank);
            let found = ctc_beam_search(&log_probs, CLASSES, blank, 1000);
            assert_eq!(found.len(), all.len());
            for hypothesis in &found {
                let want = all[&hypothesis.tokens];
                let got = hypothesis.log_probability.exp();
                assert!((got - want).abs() < 1e-9, "{hypothesis:?} instead of {want}");
            }
            assert!(found.windows(2).all(|pair| pair[0].log_probability >= pair[1].log_probability));
            assert!((all.values().sum::<f64>() - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn few_beams_find_less() {
        let log_probs = log_probs(6);
        let [few, many] = [2, 1000].map(|beams| ctc_beam_search(&log_probs, CLASSES, 0, beams));
        assert_eq!(few.len(), 2);
        assert!(few[0].log_probability <= many[0].log_probability);
    }

    #[test]
    #[should_panic(expected = "ctc_greedy: 4 log-probabilities of 3 classes, blank 0")]
    fn a_part_of_a_step_is_a_mistake() {
        ctc_greedy(&[0.0; 4], 3, 0);
    }
}
