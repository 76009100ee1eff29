//! Metrics of texts.

use train::metrics::{RougeScore, Smoothing, bleu, chrf, rouge_l, rouge_n};

use crate::close::{all_close, close, panics};
use crate::fixtures::{cases, list, number, numbers, strings};

#[test]
fn texts_score_as_with_sacrebleu_and_rouge_score() {
    for (i, case) in cases("texts").iter().enumerate() {
        let texts = strings(&case["texts"]);
        let references: Vec<Vec<&str>> = list(&case["references"]).iter().map(strings).collect();
        let references: Vec<&[&str]> = references.iter().map(Vec::as_slice).collect();
        let smoothings = [
            ("none", Smoothing::None),
            ("floor", Smoothing::Floor(0.1)),
            ("add_k", Smoothing::AddK(1.0)),
            ("exp", Smoothing::Exp),
        ];
        for (key, smoothing) in smoothings {
            close(&format!("{i}: BLEU {key}"), bleu(&texts, &references, smoothing), number(&case[key]));
        }
        close(&format!("{i}: chrF"), chrf(&texts, &references), number(&case["chrf"]));
        let parts = |s: RougeScore| [s.precision, s.recall, s.f1];
        for ((text, references), rouge) in texts.iter().zip(references).zip(list(&case["rouge"])) {
            let found = [
                ("rouge1", rouge_n(text, references[0], 1)),
                ("rouge2", rouge_n(text, references[0], 2)),
                ("rougeL", rouge_l(text, references[0])),
            ];
            for (key, score) in found {
                all_close(&format!("{i}: {key}"), parts(score), &numbers(&rouge[key]));
            }
        }
    }
}

#[test]
fn empty_texts_score_nothing() {
    for smoothing in [Smoothing::None, Smoothing::Floor(0.1), Smoothing::AddK(1.0), Smoothing::Exp] {
        assert_eq!(bleu(&[""], &[&["a b c d"]], smoothing), 0.0);
        assert_eq!(bleu(&[], &[], smoothing), 0.0);
    }
    assert_eq!((chrf(&[""], &[&["abc"]]), chrf(&[], &[])), (0.0, 0.0));
    let nothing = RougeScore { precision: 0.0, recall: 0.0, f1: 0.0 };
    assert_eq!((rouge_l("", "a"), rouge_n("a", "", 1), rouge_n("a", "a", 2)), (nothing, nothing, nothing));
}

#[test]
fn a_copy_is_perfect_and_the_closest_reference_sets_the_length() {
    let text = "a b c d e";
    assert_eq!(bleu(&[text], &[&["f", text]], Smoothing::None), 1.0);
    // Of references of 4 and 6 words the shorter one counts: no brevity penalty.
    let found = bleu(&[text], &[&["a b c d", "a b c d e f"]], Smoothing::None);
    assert_eq!(found, 1.0);
    let penalised = bleu(&[text], &[&["a b c d e f"]], Smoothing::None);
    close("penalty", penalised, (1f64 - 6.0 / 5.0).exp());
    assert!(panics(|| bleu(&[text], &[&[]], Smoothing::Exp)).contains("a text without a reference"));
}
