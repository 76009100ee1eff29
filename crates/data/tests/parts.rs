//! Batches divided among processes: every example once, the same steps for all, whatever their number.

use std::sync::Arc;

use data::{BatchOptions, Batches, Error, FnExamples, Loader, LoaderOptions, Part, Source, Text, synthetic};
use proptest::prelude::*;

fn numbers(count: usize, options: BatchOptions) -> data::Result<impl Source<Batch = Vec<u32>>> {
    Batches::new(Arc::new(FnExamples::new(count, <[u32]>::to_vec)), options)
}

proptest! {
    /// The parts of all processes, taken in turn, are the batch of one process; their shares add up to 1.
    #[test]
    fn parts_make_a_batch(count in 1usize..60, batch in 1usize..20, of in 1usize..6, epoch in 0usize..3, drop_last: bool) {
        let options = |part| BatchOptions { batch, part, drop_last, seed: 7, ..BatchOptions::train(batch) };
        let parts: Result<Vec<_>, Error> =
            (0..of).map(|index| numbers(count, options(Part { index, of }))).collect();
        let last = if drop_last { 0 } else { count % batch };
        let small = batch < of || (last > 0 && last < of) || (drop_last && count < batch);
        prop_assert_eq!(parts.is_err(), small);
        let Ok(parts) = parts else { return Ok(()) };
        let whole = numbers(count, options(Part::default())).unwrap();
        prop_assert!(parts.iter().all(|part| part.steps() == whole.steps()));
        let shares: f32 = parts.iter().map(Source::share).sum();
        prop_assert!((shares - 1.0).abs() < 1e-6);
        let all: Vec<Vec<Vec<u32>>> = parts.iter().map(|part| part.batches(epoch, 0).collect()).collect();
        for (step, batch) in whole.batches(epoch, 0).enumerate() {
            let joined: Vec<u32> = (0..batch.len()).map(|i| all[i % of][step][i / of]).collect();
            prop_assert_eq!(joined, batch);
        }
    }
}

#[test]
fn images_and_windows_are_divided() {
    let train = Arc::new(synthetic::digits(50, 0, 0).train);
    let options = LoaderOptions { seed: 3, ..LoaderOptions::train(8, train.mean_std()) };
    let loader = |part| Loader::new(train.clone(), LoaderOptions { part, ..options.clone() }).unwrap();
    let text = Text::new("abcdefghijklmnopqrstuvwxyz").unwrap().split(0.2, 3).unwrap().0;
    let windows = |part| text.clone().random(8, 5, 4).part(part).unwrap();
    let images: Vec<_> = loader(Part::default()).batches(1, 2).collect();
    let all: Vec<_> = windows(Part::default()).batches(1, 2).collect();
    for index in 0..3 {
        let part = Part { index, of: 3 };
        assert_eq!(loader(part).images(), [18, 18, 12][index]);
        for (own, whole) in loader(part).batches(1, 2).zip(&images) {
            assert_eq!(own.shape[0], [3, 3, 2][index]);
            for (i, number) in own.indices.iter().enumerate() {
                let (at, size) = (index + 3 * i, own.images.len() / own.indices.len());
                assert_eq!(*number, whole.indices[at]);
                assert_eq!(own.labels[i], whole.labels[at]);
                assert_eq!(own.images[i * size..][..size], whole.images[at * size..][..size]);
            }
        }
        for (own, whole) in windows(part).batches(1, 2).zip(&all) {
            assert_eq!(own.shape, [[3, 3, 2][index], 3]);
            assert_eq!(own.tokens[3..6], whole.tokens[3 * (index + 3)..][..3]);
            assert_eq!(own.next[..3], whole.next[3 * index..][..3]);
        }
    }
    assert!(text.random(2, 5, 4).part(Part { index: 0, of: 3 }).is_err());
}
