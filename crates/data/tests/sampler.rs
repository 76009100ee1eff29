//! Samplers and classes of different sizes: frequencies, and what holds for every draw.

use std::collections::BTreeSet;

use data::{Error, Matrix, Sampler, class_weights, over_sample, smote, under_sample};
use proptest::prelude::*;

fn refused<T: std::fmt::Debug>(found: data::Result<T>) -> String {
    match found {
        Err(error @ (Error::Sampler(_) | Error::Matrix(_))) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

fn count(labels: &[u32], label: u32) -> usize {
    labels.iter().filter(|&&other| other == label).count()
}

#[test]
fn draws_with_replacement_follow_the_weights() {
    let weights = [0.0, 1.0, 2.0, 0.0, 5.0, 0.0];
    let sampler = Sampler::weighted(&weights, 80_000, true).unwrap();
    let drawn = sampler.epoch(3, 1);
    assert_eq!((drawn.len(), &drawn), (80_000, &sampler.epoch(3, 1)));
    assert_ne!(drawn, sampler.epoch(3, 2));
    for (row, weight) in weights.iter().enumerate() {
        let (p, found) = (weight / 8.0, count(&drawn, row as u32) as f64);
        let deviation = (80_000.0 * p * (1.0 - p)).sqrt();
        assert!((found - 80_000.0 * p).abs() <= 4.0 * deviation, "{row}: {found}");
    }
}

/// The first draw follows the weights, the second what the first one left.
#[test]
fn draws_without_replacement_follow_what_is_left() {
    let sampler = Sampler::weighted(&[1.0, 2.0, 0.0, 5.0], 2, false).unwrap();
    let mut pairs = [[0f64; 4]; 4];
    for epoch in 0..20_000 {
        let drawn = sampler.epoch(9, epoch);
        pairs[drawn[0] as usize][drawn[1] as usize] += 1.0 / 20_000.0;
    }
    let weights = [1.0, 2.0, 0.0, 5.0];
    for (first, row) in pairs.iter().enumerate() {
        for (second, share) in row.iter().enumerate() {
            let exact = if first == second {
                0.0
            } else {
                weights[first] / 8.0 * weights[second] / (8.0 - weights[first])
            };
            assert!((share - exact).abs() < 0.012, "{first}, {second}: {share} for {exact}");
        }
    }
}

#[test]
fn classes_are_drawn_evenly() {
    let labels: Vec<u32> =
        (0..1000).map(|row| u32::from(row % 10 == 0) + 4 * u32::from(row % 100 == 1)).collect();
    let sampler = Sampler::balanced(&labels).unwrap();
    let drawn: Vec<u32> =
        (0..30).flat_map(|epoch| sampler.epoch(0, epoch)).map(|row| labels[row as usize]).collect();
    for label in [0, 1, 4] {
        assert!((9_600..10_400).contains(&count(&drawn, label)), "{label}");
    }
}

/// As scikit-learn's `compute_class_weight("balanced")`.
#[test]
fn class_weights_are_those_of_scikit_learn() {
    let weights = class_weights(&[0, 0, 0, 0, 1, 1, 2], 3).unwrap();
    for (weight, expected) in weights.iter().zip([7.0 / 12.0, 7.0 / 6.0, 7.0 / 3.0]) {
        assert!((weight - expected).abs() < 1e-6);
    }
    assert!(refused(class_weights(&[0, 2], 3)).contains("class 1"));
    assert!(refused(class_weights(&[0, 3], 3)).contains("label 3"));
}

#[test]
fn samplers_that_cannot_draw_say_why() {
    assert!(refused(Sampler::weighted(&[1.0, -1.0], 1, true)).contains("row 1 is -1"));
    assert!(refused(Sampler::weighted(&[f64::NAN], 1, true)).contains("row 0 is NaN"));
    assert!(refused(Sampler::weighted(&[f64::MAX, f64::MAX], 1, true)).contains("no finite"));
    assert!(refused(Sampler::weighted(&[0.0, 0.0], 1, true)).contains("0 weights above 0"));
    assert!(refused(Sampler::weighted(&[1.0, 0.0], 2, false)).contains("1 weights above 0"));
    assert!(refused(Sampler::weighted(&[1.0], usize::MAX, true)).contains("32 bits"));
    assert!(refused(Sampler::in_order([1 << 32])).contains("32 bits"));
    assert!(refused(Sampler::balanced(&[])).contains("weights above 0"));
    // Sums that can hardly be divided still end at a row.
    let tiny = Sampler::weighted(&[0.0, 5e-324, 0.0], 100, true).unwrap();
    assert_eq!(tiny.epoch(0, 0), [1; 100]);
}

proptest! {
    #[test]
    fn resampled_classes_have_equal_sizes(labels in prop::collection::vec(0u32..4, 1..80), seed: u64) {
        let sizes: BTreeSet<usize> =
            labels.iter().map(|&label| count(&labels, label)).collect();
        let (least, most) = (*sizes.first().unwrap(), *sizes.last().unwrap());
        let (over, under) = (over_sample(&labels, seed), under_sample(&labels, seed));
        let of = |rows: &[usize]| rows.iter().map(|&row| labels[row]).collect::<Vec<_>>();
        for &label in &labels {
            prop_assert_eq!(count(&of(&over), label), most);
            prop_assert_eq!(count(&of(&under), label), least);
        }
        prop_assert_eq!(&over[..labels.len()], (0..labels.len()).collect::<Vec<_>>());
        prop_assert!(under.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn draws_without_replacement_differ(
        weights in prop::collection::vec(0.0..1.0, 10..50),
        seed: u64,
    ) {
        let positive = weights.iter().filter(|&&weight| weight > 0.0).count();
        let drawn = Sampler::weighted(&weights, positive, false).unwrap().epoch(seed, 0);
        prop_assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), positive);
        prop_assert!(drawn.iter().all(|&row| weights[row as usize] > 0.0));
    }

    #[test]
    fn synthetic_rows_lie_between_neighbours_of_their_class(
        values in prop::collection::vec(-10f32..10.0, 60),
        minority in 4usize..9,
        seed: u64,
    ) {
        let rows = Matrix::new(values, 3).unwrap();
        let labels: Vec<u32> = (0..20).map(|row| u32::from(row < minority)).collect();
        let (made, made_labels) = smote(&rows, &labels, 3, seed).unwrap();
        prop_assert_eq!((made.rows(), made_labels.len()), (2 * (20 - minority), 2 * (20 - minority)));
        prop_assert_eq!(&made.values()[..60], rows.values());
        prop_assert_eq!(&made_labels[..20], &labels);
        prop_assert!(made_labels[20..].iter().all(|&label| label == 1));
        for row in 20..made.rows() {
            let on_segment = |from: usize, to: usize| between(made.row(row), rows.row(from), rows.row(to));
            let starts_at = |from| nearest(&rows, minority, from, 3).into_iter().any(|to| on_segment(from, to));
            prop_assert!((0..minority).any(starts_at));
        }
    }
}

fn nearest(rows: &Matrix, among: usize, row: usize, count: usize) -> Vec<usize> {
    let distance = |other: usize| {
        let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
        rows.row(row).iter().zip(rows.row(other)).map(square).sum::<f64>()
    };
    let mut others: Vec<usize> = (0..among).filter(|&other| other != row).collect();
    others.sort_by(|&a, &b| distance(a).total_cmp(&distance(b)));
    others.truncate(count);
    others
}

/// Whether a point lies on the segment, but for rounding.
fn between(point: &[f32], from: &[f32], to: &[f32]) -> bool {
    let along: Vec<f32> = from.iter().zip(to).map(|(from, to)| to - from).collect();
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let offset: Vec<f32> = point.iter().zip(from).map(|(point, from)| point - from).collect();
    let share = dot(&offset, &along) / dot(&along, &along);
    let off = offset.iter().zip(&along).map(|(offset, along)| (offset - share * along).abs());
    (-1e-4..1.0001).contains(&share) && off.fold(0.0, f32::max) < 1e-4
}

#[test]
fn what_smote_cannot_do_says_why() {
    let rows = Matrix::new((0..10).map(|v| v as f32).collect(), 2).unwrap();
    assert!(refused(smote(&rows, &[0, 0, 0, 1], 1, 0)).contains("4 labels"));
    assert!(refused(smote(&rows, &[0, 0, 0, 1, 1], 2, 0)).contains("class 1 has 2 rows"));
    assert!(refused(smote(&rows, &[0, 0, 0, 1, 1], 0, 0)).contains("1 neighbour"));
    let missing = Matrix::new(vec![0.0, 1.0, f32::NAN, 3.0], 2).unwrap();
    assert!(refused(smote(&missing, &[0, 1], 1, 0)).contains("row 1, column 0 is NaN"));
    // Equal classes need nothing.
    assert_eq!(smote(&rows.select(&[0, 1]).unwrap(), &[0, 1], 5, 0).unwrap().1, [0, 1]);
    let equal = Matrix::new(vec![4.0; 5], 1).unwrap();
    assert_eq!(smote(&equal, &[0, 0, 0, 1, 1], 1, 0).unwrap().0.values(), [4.0; 6]);
}
