//! Batches of rows, sequences and windows of series: order, buckets, padding, resuming, and tensors.

use std::collections::BTreeSet;
use std::sync::Arc;

use autograd::{DType, Device};
use data::{
    BatchOptions, Batches, Error, Examples, Matrix, Padded, Rows, Sampler, Sequences, SeriesOptions,
    SeriesWindows, Source, Targets,
};
use proptest::prelude::*;

fn rows(count: usize) -> Arc<Rows> {
    let features = Matrix::new((0..count * 2).map(|value| value as f32).collect(), 2).unwrap();
    Arc::new(Rows::new(features, Targets::Classes((0..count as u32).collect())).unwrap())
}

/// Sequences of these lengths, each filled with its own number.
fn sequences(lengths: &[usize]) -> Arc<Sequences<i32>> {
    let sequences = lengths.iter().zip(1..).map(|(&length, number)| vec![number; length]).collect();
    let targets = Targets::Classes((0..lengths.len() as u32).collect());
    Arc::new(Sequences::new(sequences, targets, 0).unwrap())
}

fn order(batches: &Batches<Rows>, epoch: usize, skip: usize) -> Vec<Vec<u32>> {
    batches.batches(epoch, skip).map(|batch| batch.indices).collect()
}

#[test]
fn rows_keep_their_targets() {
    let options = BatchOptions { drop_last: false, seed: 3, ..BatchOptions::train(4) };
    let batches = Batches::new(rows(10), options).unwrap();
    let mut seen = vec![];
    for batch in batches.batches(2, 0) {
        let Targets::Classes(classes) = &batch.targets else { panic!("no classes") };
        assert_eq!(classes, &batch.indices);
        for (place, &row) in batch.indices.iter().enumerate() {
            assert_eq!(batch.features.row(place), [2.0 * row as f32, 2.0 * row as f32 + 1.0]);
        }
        seen.extend(batch.indices);
    }
    assert_ne!(seen, (0..10).collect::<Vec<_>>());
    seen.sort_unstable();
    assert_eq!(seen, (0..10).collect::<Vec<_>>());
}

#[test]
fn a_stopped_epoch_goes_on_in_the_middle() {
    for (prefetch, bucket) in [(0, 0), (3, 0), (0, 2), (2, 2)] {
        let options = BatchOptions { prefetch, bucket, ..BatchOptions::train(3) };
        let batches = Batches::new(rows(20), options).unwrap();
        let all = order(&batches, 5, 0);
        assert_eq!((all.len(), batches.steps()), (6, 6));
        let _ = batches.batches(1, 0).take(2).count();
        assert_eq!(order(&batches, 5, 4), all[4..]);
        assert_eq!(order(&batches, 5, 6), Vec::<Vec<u32>>::new());
        assert_ne!(order(&batches, 6, 0), all);
    }
}

#[test]
fn a_sampler_draws_the_rows() {
    let sampler = Some(Sampler::in_order([7, 7, 1]).unwrap());
    let batches = Batches::new(rows(8), BatchOptions { sampler, ..BatchOptions::eval(2) }).unwrap();
    assert_eq!(order(&batches, 0, 0), [vec![7, 7], vec![1]]);
}

#[test]
fn options_that_cannot_be_followed_are_errors() {
    let refused = |count, options| matches!(Batches::new(rows(count), options), Err(Error::Options(_)));
    assert!(refused(5, BatchOptions::eval(0)));
    assert!(refused(5, BatchOptions::train(6)));
    assert!(refused(0, BatchOptions::eval(1)));
    let outside = Some(Sampler::in_order([5]).unwrap());
    assert!(refused(5, BatchOptions { sampler: outside, ..BatchOptions::eval(1) }));
    let features = Matrix::new(vec![0.0; 4], 2).unwrap();
    assert!(matches!(Rows::new(features.clone(), Targets::Classes(vec![0])), Err(Error::Examples(_))));
    assert!(matches!(Rows::new(features, Targets::Classes(vec![0, 1 << 31])), Err(Error::Examples(_))));
    let sequences = Sequences::new(vec![vec![1.0]], Targets::Classes(vec![0]), 0.0).unwrap();
    assert!(matches!(sequences.multiple_of(0), Err(Error::Examples(_))));
}

#[test]
fn buckets_keep_similar_lengths_together() {
    let lengths: Vec<usize> = (0..403).map(|i| 1 + i * 37 % 100).collect();
    let cells = |bucket| {
        let options = BatchOptions { bucket, drop_last: false, ..BatchOptions::train(8) };
        let batches = Batches::new(sequences(&lengths), options).unwrap();
        let made: Vec<_> = batches.batches(0, 0).collect();
        let seen: BTreeSet<u32> = made.iter().flat_map(|batch| batch.indices.clone()).collect();
        assert_eq!((seen.len(), made.len(), made.last().unwrap().indices.len()), (403, 51, 3));
        // In random order, not by length.
        assert!(!made.is_sorted_by_key(|batch| batch.sequences.shape[1]));
        made.iter().map(|batch| batch.sequences.values.len()).sum::<usize>()
    };
    let needed: usize = lengths.iter().sum();
    let (without, with) = (cells(0) as f64 / needed as f64, cells(25) as f64 / needed as f64);
    assert!(without > 1.6 && with < 1.1, "{without} {with}");
}

#[test]
fn padding_stands_behind_the_ends() {
    let padded = sequences(&[2, 0, 3]).collate(&[2, 1, 0]).sequences;
    assert_eq!((padded.shape, &padded.lengths[..]), ([3, 3], &[3, 0, 2][..]));
    assert_eq!(padded.values, [3, 3, 3, 0, 0, 0, 1, 1, 0]);
    assert_eq!(padded.mask(), [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0]);
    let floats = Padded::new(&[&[0.5f32][..]], f32::NAN, 4);
    assert!(floats.shape == [1, 4] && floats.values[0] == 0.5 && floats.values[3].is_nan());
    assert_eq!(Padded::<i32>::new::<&[i32]>(&[], 0, 1).shape, [0, 1]);
}

#[test]
fn batches_go_to_a_device() {
    let device = Device::named("cpu").unwrap();
    let padded = sequences(&[1, 2]).collate(&[0, 1]).sequences.to_device(&device).unwrap();
    assert_eq!(padded.values.to_vec::<i32>().unwrap(), [1, 0, 2, 2]);
    assert_eq!(padded.lengths.to_vec::<i32>().unwrap(), [1, 2]);
    assert_eq!((padded.values.shape(), padded.padding.dtype()), (&[2, 2][..], DType::Bool));
    assert_eq!(padded.mask.to_vec::<f32>().unwrap(), [1.0, 0.0, 1.0, 1.0]);
    assert_eq!(padded.padding.to(DType::I32).to_vec::<i32>().unwrap(), [0, 1, 0, 0]);
    let batch = rows(3).collate(&[2, 0]).to_device(&device).unwrap();
    assert_eq!(batch.features.to_vec::<f32>().unwrap(), [4.0, 5.0, 0.0, 1.0]);
    assert_eq!(batch.targets.to_vec::<i32>().unwrap(), [2, 0]);
    let series = Matrix::new((0..10).map(|value| value as f32).collect(), 2).unwrap();
    let options = SeriesOptions { length: 2, horizon: 1, stride: 1, targets: Some(vec![1]) };
    let batch = SeriesWindows::new(series, options).unwrap().collate(&[1, 0]).to_device(&device).unwrap();
    assert_eq!((batch.inputs.shape(), batch.targets.shape()), (&[2, 2, 2][..], &[2, 1, 1][..]));
    assert_eq!(batch.inputs.to_vec::<f32>().unwrap(), [2.0, 3.0, 4.0, 5.0, 0.0, 1.0, 2.0, 3.0]);
    assert_eq!(batch.targets.to_vec::<f32>().unwrap(), [7.0, 5.0]);
    let array =
        data::npy::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/npy/i4_fortran.npy")).unwrap();
    let tensor = array.to_device(&device).unwrap();
    assert_eq!((tensor.shape(), tensor.to_vec::<i32>().unwrap()), (&[2, 3, 4][..], (0..24).collect()));
}

#[test]
fn windows_of_series_stay_inside_their_part() {
    let series = Matrix::new((0..100).map(|step| step as f32).collect(), 1).unwrap();
    let options = SeriesOptions { length: 5, horizon: 3, stride: 4, targets: None };
    let windows = SeriesWindows::new(series, options.clone()).unwrap();
    let [train, validation, test] = windows.split([0.5, 0.25, 0.25]).unwrap();
    assert_eq!((windows.len(), train.len(), validation.len(), test.len()), (24, 11, 5, 5));
    for (part, steps) in [(&train, 0..50), (&validation, 50..75), (&test, 75..100)] {
        let all: Vec<u32> = (0..part.len() as u32).collect();
        let batch = part.collate(&all);
        let outside = |value: &&f32| !steps.contains(&(**value as usize));
        assert_eq!(batch.inputs.iter().chain(&batch.targets).find(outside), None);
        for (input, target) in batch.inputs.chunks(5).zip(batch.targets.chunks(3)) {
            assert_eq!(input[4] + 1.0, target[0]);
        }
        assert_eq!(part.step(1), steps.start + 4);
    }
    let short = |length, horizon, stride, targets| {
        let series = Matrix::new(vec![0.0; 10], 1).unwrap();
        SeriesWindows::new(series, SeriesOptions { length, horizon, stride, targets })
    };
    assert_eq!(short(7, 3, 1, None).unwrap().len(), 1);
    for refused in [
        short(8, 3, 1, None),
        short(usize::MAX, 1, 1, None),
        short(0, 1, 1, None),
        short(1, 0, 1, None),
        short(1, 1, 0, None),
        short(1, 1, 1, Some(vec![1])),
        short(1, 1, 1, Some(vec![])),
    ] {
        assert!(matches!(refused, Err(Error::Examples(_))));
    }
    assert!(matches!(windows.split([0.95, 0.05]), Err(Error::Examples(_))));
}

proptest! {
    #[test]
    fn every_example_comes_once(
        lengths in prop::collection::vec(0usize..9, 1..60), batch in 1usize..9, bucket in 0usize..5, epoch in 0usize..4,
    ) {
        let options = BatchOptions { bucket, drop_last: false, ..BatchOptions::train(batch) };
        let batches = Batches::new(sequences(&lengths), options).unwrap();
        let sizes: Vec<usize> = batches.batches(epoch, 0).map(|batch| batch.indices.len()).collect();
        prop_assert_eq!(sizes.len(), batches.steps());
        prop_assert!(sizes[..sizes.len() - 1].iter().all(|&size| size == batch));
        let mut seen: Vec<u32> = batches.batches(epoch, 0).flat_map(|batch| batch.indices).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..lengths.len() as u32).collect::<Vec<_>>());
    }
}
