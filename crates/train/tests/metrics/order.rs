//! Metrics of scores: curves, their areas, calibration, retrieval.

use train::metrics::{
    average_precision, expected_calibration_error, ndcg, precision_recall_curve, recall_at_k, reliability,
    roc_auc, roc_curve, wilson_interval,
};

use crate::close::{all_close, close, panics};
use crate::fixtures::{case, cases, flags, floats, number, numbers};

#[test]
fn curves_and_areas_match_scikit_learn() {
    for (i, case) in cases("ranking").iter().enumerate() {
        let (positive, scores) = (flags(&case["positive"]), floats(&case["scores"]));
        close(&format!("{i}: AUC"), roc_auc(&positive, &scores), number(&case["auc"]));
        close(&format!("{i}: AP"), average_precision(&positive, &scores), number(&case["ap"]));
        let roc = roc_curve(&positive, &scores);
        all_close(&format!("{i}: fpr"), roc.points.iter().map(|p| p.0), &numbers(&case["fpr"]));
        all_close(&format!("{i}: tpr"), roc.points.iter().map(|p| p.1), &numbers(&case["tpr"]));
        assert_eq!(roc.thresholds[0], f64::INFINITY);
        all_close("thresholds", roc.thresholds[1..].iter().copied(), &numbers(&case["roc_thresholds"]));
        let curve = precision_recall_curve(&positive, &scores);
        all_close(&format!("{i}: recall"), curve.points.iter().map(|p| p.0), &numbers(&case["recall"]));
        all_close(&format!("{i}: precision"), curve.points.iter().map(|p| p.1), &numbers(&case["precision"]));
        let (last, thresholds) = curve.thresholds.split_last().unwrap();
        assert_eq!(*last, f64::INFINITY);
        all_close("thresholds", thresholds.iter().copied(), &numbers(&case["thresholds"]));
    }
}

#[test]
fn the_area_counts_pairs() {
    for case in cases("ranking") {
        let (positive, scores) = (flags(&case["positive"]), floats(&case["scores"]));
        let of = |side: bool| scores.iter().zip(&positive).filter(move |(_, p)| **p == side).map(|(&s, _)| s);
        let won = |p: f32, n: f32| if p == n { 0.5 } else { f64::from(u8::from(p > n)) };
        let sum: f64 = of(true).flat_map(|p| of(false).map(move |n| won(p, n))).sum();
        let pairs = (of(true).count() * of(false).count()) as f64;
        close("pairs", roc_auc(&positive, &scores), sum / pairs);
        let negated: Vec<f32> = scores.iter().map(|s| -s).collect();
        close("the other way", roc_auc(&positive, &negated), 1.0 - sum / pairs);
    }
}

#[test]
fn curves_of_nothing_and_of_signed_zeros() {
    assert!(roc_auc(&[], &[]).is_nan());
    assert_eq!(average_precision(&[], &[]), 0.0);
    assert_eq!(precision_recall_curve(&[], &[]).points, [(0.0, 1.0)]);
    assert_eq!(roc_auc(&[true, false], &[-0.0, 0.0]), 0.5);
    assert!(panics(|| roc_curve(&[true], &[f32::NAN])).contains("roc_curve: a score is NaN"));
    assert!(panics(|| roc_auc(&[true], &[])).contains("1 labels and 0 scores"));
}

#[test]
fn calibration_errors() {
    let case = case("calibration");
    let (confidences, right) = (floats(&case["confidences"]), flags(&case["right"]));
    let bins = reliability(&confidences, &right, 15);
    assert_eq!(bins.iter().map(|b| b.count).sum::<u64>(), 82);
    close("ECE", expected_calibration_error(&bins), number(&case["ece"]));
    assert_eq!(expected_calibration_error(&reliability(&[], &[], 3)), 0.0);
    let edges = reliability(&[0.0, 0.5, 1.0], &[true; 3], 2);
    assert_eq!((edges[0].count, edges[1].count), (1, 2), "a bin holds its lower end, and the last one 1");
    assert!(panics(|| reliability(&[1.5], &[true], 2)).contains("a confidence of 1.5"));
}

#[test]
fn wilson_intervals_match_scipy() {
    for case in cases("wilson") {
        let [successes, trials] = ["successes", "trials"].map(|k| case[k].as_u64().unwrap());
        let (low, high) = wilson_interval(successes, trials, number(&case["z"]));
        close("low", low, number(&case["low"]));
        close("high", high, number(&case["high"]));
    }
    assert_eq!(wilson_interval(0, 0, 1.96), (0.0, 1.0));
}

#[test]
fn retrieval_matches_scikit_learn() {
    for case in cases("retrieval") {
        let (relevance, scores) = (floats(&case["relevance"]), floats(&case["scores"]));
        let relevant: Vec<bool> = relevance.iter().map(|&r| r > 1.0).collect();
        let ks: Vec<usize> = numbers(&case["ks"]).iter().map(|&k| k as usize).collect();
        all_close("ndcg", ks.iter().map(|&k| ndcg(&relevance, &scores, k)), &numbers(&case["ndcg"]));
        all_close(
            "recall",
            ks.iter().map(|&k| recall_at_k(&relevant, &scores, k)),
            &numbers(&case["recall"]),
        );
    }
    assert_eq!((ndcg(&[0.0, 0.0], &[1.0, 2.0], 2), ndcg(&[], &[], 3)), (0.0, 0.0));
    assert_eq!(recall_at_k(&[false], &[1.0], 1), 0.0);
    assert_eq!(recall_at_k(&[true, false], &[0.0, -0.0], 1), 1.0, "the first of equal scores");
}
