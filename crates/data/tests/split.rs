//! Divisions of rows: what holds for all of them, and scikit-learn's own.

use std::collections::BTreeSet;

use data::folds::{self, Fold, Rolling};
use data::{Error, split};
use proptest::prelude::*;

/// Whether the lists are ascending and hold each of the rows once.
fn partition(parts: &[Vec<usize>], rows: usize) -> bool {
    let mut all = parts.concat();
    all.sort_unstable();
    parts.iter().all(|part| part.is_sorted()) && all == (0..rows).collect::<Vec<_>>()
}

/// Whether each fold is a partition, and the tests are one, too.
fn folds_partition(folds: &[Fold], rows: usize) -> bool {
    let tests: Vec<_> = folds.iter().map(|fold| fold.test.clone()).collect();
    partition(&tests, rows)
        && folds.iter().all(|fold| partition(&[fold.train.clone(), fold.test.clone()], rows))
}

fn count<T: PartialEq>(values: &[T], rows: &[usize], value: &T) -> f64 {
    rows.iter().filter(|&&row| values[row] == *value).count() as f64
}

fn tests(folds: Vec<Fold>) -> Vec<Vec<usize>> {
    folds.into_iter().map(|fold| fold.test).collect()
}

proptest! {
    #[test]
    fn random_parts_have_their_shares(rows in 30usize..300, a in 0.1..0.4, b in 0.1..0.4, seed: u64) {
        let fractions = [a, b, 1.0 - a - b];
        let parts = split::random(rows, fractions, seed).unwrap();
        prop_assert!(partition(&parts, rows));
        for (part, fraction) in parts.iter().zip(fractions) {
            prop_assert!((part.len() as f64 - rows as f64 * fraction).abs() < 1.0);
        }
        prop_assert_eq!(&parts, &split::random(rows, fractions, seed).unwrap());
        prop_assert_ne!(&parts, &split::random(rows, fractions, seed ^ 1).unwrap());
    }

    #[test]
    fn strata_are_within_one_of_their_share(
        counts in prop::collection::vec(2usize..40, 1..9),
        (a, b) in (0.1..0.4, 0.1..0.4),
        seed: u64,
    ) {
        let labels: Vec<usize> = counts.iter().enumerate().flat_map(|(l, &n)| vec![l; n]).collect();
        prop_assume!(labels.len() >= 20);
        let fractions = [a, b, 1.0 - a - b];
        let parts = split::stratified(&labels, fractions, seed).unwrap();
        prop_assert!(partition(&parts, labels.len()));
        for (part, fraction) in parts.iter().zip(fractions) {
            prop_assert!((part.len() as f64 - labels.len() as f64 * fraction).abs() < 1.0);
            for (label, &n) in counts.iter().enumerate() {
                prop_assert!((count(&labels, part, &label) - n as f64 * fraction).abs() < 1.000_001);
            }
        }
    }

    #[test]
    fn groups_are_disjoint(groups in prop::collection::vec(0u8..12, 60..120), seed: u64) {
        let of = |rows: &[usize]| rows.iter().map(|&row| groups[row]).collect::<BTreeSet<_>>();
        prop_assume!(of(&(0..groups.len()).collect::<Vec<_>>()).len() > 8);
        let parts = split::grouped(&groups, [0.5, 0.25, 0.25], seed).unwrap();
        prop_assert!(partition(&parts, groups.len()));
        for (one, other) in [(0, 1), (0, 2), (1, 2)] {
            prop_assert!(of(&parts[one]).is_disjoint(&of(&parts[other])));
        }
        let folds = folds::grouped(&groups, 4).unwrap();
        prop_assert!(folds_partition(&folds, groups.len()));
        prop_assert!(folds.iter().all(|fold| of(&fold.train).is_disjoint(&of(&fold.test))));
    }

    #[test]
    fn training_knows_no_future(times in prop::collection::vec(0i16..500, 20..200)) {
        let Ok(parts) = split::by_time(&times, [0.5, 0.3, 0.2]) else { return Ok(()) };
        prop_assert!(partition(&parts, times.len()));
        for pair in parts.windows(2) {
            let latest = pair[0].iter().map(|&row| times[row]).max();
            prop_assert!(latest < pair[1].iter().map(|&row| times[row]).min());
        }
    }

    #[test]
    fn folds_are_partitions(rows in 10usize..200, k in 2usize..10, seed: Option<u64>) {
        let folds = folds::k_fold(rows, k, seed).unwrap();
        prop_assert!(folds_partition(&folds, rows));
        prop_assert!(folds.iter().all(|fold| (rows / k..=rows.div_ceil(k)).contains(&fold.test.len())));
        prop_assert_eq!(folds, folds::k_fold(rows, k, seed).unwrap());
    }

    #[test]
    fn strata_of_folds_are_within_one(
        labels in prop::collection::vec(0u8..5, 50..200),
        k in 2usize..8,
        seed: Option<u64>,
    ) {
        let folds = folds::stratified(&labels, k, seed).unwrap();
        prop_assert!(folds_partition(&folds, labels.len()));
        let all: Vec<usize> = (0..labels.len()).collect();
        for fold in folds {
            prop_assert!((fold.test.len() as f64 - labels.len() as f64 / k as f64).abs() < 1.0);
            for label in 0..5 {
                let exact = count(&labels, &all, &label) / k as f64;
                prop_assert!((count(&labels, &fold.test, &label) - exact).abs() < 1.0);
            }
        }
    }

    #[test]
    fn rolling_tests_follow_their_training(
        (rows, k, gap) in (0usize..100, 0usize..8, 0usize..5),
        (test, most) in (prop::option::of(0usize..20), prop::option::of(0usize..20)),
    ) {
        let Ok(folds) = folds::rolling(rows, Rolling { folds: k, test, gap, most }) else { return Ok(()) };
        prop_assert_eq!(folds.len(), k);
        prop_assert_eq!(*folds[k - 1].test.last().unwrap(), rows - 1);
        for fold in folds {
            prop_assert_eq!(fold.train.last().unwrap() + gap + 1, fold.test[0]);
            prop_assert!(most.is_none_or(|most| fold.train.len() <= most));
        }
    }
}

/// Recorded from scikit-learn 1.9.
#[test]
fn folds_are_those_of_scikit_learn() {
    let labels = [2, 0, 0, 1, 2, 2, 0, 1, 1, 2, 0, 2, 2];
    let folds = tests(folds::stratified(&labels, 3, None).unwrap());
    assert_eq!(folds, [vec![0, 1, 2, 3, 4], vec![5, 6, 7, 9], vec![8, 10, 11, 12]]);
    let groups = [5, 1, 1, 3, 3, 3, 2, 2, 9, 9, 9, 9, 5];
    let folds = tests(folds::grouped(&groups, 3).unwrap());
    assert_eq!(folds, [vec![8, 9, 10, 11], vec![1, 2, 3, 4, 5], vec![0, 6, 7, 12]]);
    let folds = tests(folds::k_fold(8, 3, None).unwrap());
    assert_eq!(folds, [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7]]);
    let fold = |train: std::ops::Range<usize>, test: std::ops::Range<usize>| Fold {
        train: train.collect(),
        test: test.collect(),
    };
    let folds = folds::rolling(11, Rolling { gap: 1, ..Rolling::new(3) }).unwrap();
    assert_eq!(folds, [fold(0..4, 5..7), fold(0..6, 7..9), fold(0..8, 9..11)]);
    let folds = folds::rolling(11, Rolling { test: Some(3), most: Some(4), ..Rolling::new(2) }).unwrap();
    assert_eq!(folds, [fold(1..5, 5..8), fold(4..8, 8..11)]);
}

#[test]
fn what_cannot_be_divided_says_why() {
    fn refused<T: std::fmt::Debug>(found: data::Result<T>) -> String {
        match found {
            Err(Error::Split(problem)) => problem,
            other => panic!("{other:?}"),
        }
    }
    assert!(refused(split::random(10, [0.5, 0.6], 0)).contains("sum of 1"));
    assert!(refused(split::random(10, [1.5, -0.5], 0)).contains("above 0"));
    assert!(refused(split::random(10, [f64::NAN, 1.0], 0)).contains("above 0"));
    assert!(refused(split::random(10, [], 0)).contains("sum of 1"));
    assert!(refused(split::random(2, [0.4, 0.3, 0.3], 0)).contains("empty"));
    assert!(refused(split::random(usize::MAX, [0.5, 0.5], 0)).contains("32 bits"));
    assert!(refused(split::stratified(&[0, 0, 1], [0.5, 0.5], 0)).contains("row 2"));
    assert!(refused(split::grouped(&[0, 0, 0], [0.5, 0.5], 0)).contains("empty"));
    assert!(refused(split::by_time(&[1.0, f64::NAN], [0.5, 0.5])).contains("row 1"));
    assert!(refused(split::by_time(&[1, 1, 1, 1], [0.5, 0.5])).contains("part 0"));
    assert!(refused(folds::k_fold(10, 1, None)).contains("2 to 10"));
    assert!(refused(folds::k_fold(1, 2, None)).contains("2 folds of 1 rows"));
    assert!(refused(folds::stratified::<u8>(&[], 2, None)).contains("most frequent"));
    assert!(refused(folds::grouped(&[7, 7, 8], 3)).contains("3 folds of 2 groups"));
    for rolling in [
        Rolling::new(0),
        Rolling::new(10),
        Rolling::new(usize::MAX),
        Rolling { gap: usize::MAX, ..Rolling::new(2) },
        Rolling { test: Some(5), ..Rolling::new(2) },
        Rolling { most: Some(0), ..Rolling::new(2) },
    ] {
        refused(folds::rolling(10, rolling));
    }
}
