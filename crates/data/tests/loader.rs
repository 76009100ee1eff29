//! Loaders: which images come when, and what is done to them.

use std::sync::Arc;

use data::{Augment, Crop, Draws, Error, ImageSet, Loader, LoaderOptions, Normalize, PadCropFlip, Sampler};

/// `n` images `[1, 2, 3]` whose pixels count up from ten times the image's place.
fn set(n: usize) -> Arc<ImageSet> {
    let pixels = (0..n).flat_map(|i| (0..6).map(move |p| (10 * i + p) as u8)).collect();
    let labels = (0..n).map(|i| (i % 2) as u32).collect();
    Arc::new(ImageSet::new(pixels, labels, ["even".into(), "odd".into()].into(), [1, 2, 3]).unwrap())
}

fn identity() -> Normalize {
    Normalize { mean: vec![0.0], std: vec![1.0 / 255.0] }
}

fn order(loader: &Loader, epoch: usize) -> Vec<u32> {
    loader.epoch(epoch).flat_map(|batch| batch.indices.clone()).collect()
}

#[test]
fn in_order_with_a_smaller_last_batch() {
    let loader = Loader::new(set(5), LoaderOptions::eval(2, identity())).unwrap();
    let batches: Vec<_> = loader.epoch(0).collect();
    assert_eq!((loader.steps(), batches.len()), (3, 3));
    assert_eq!(order(&loader, 3), [0, 1, 2, 3, 4]);
    assert_eq!(batches[0].shape, [2, 1, 2, 3]);
    assert_eq!(batches[1].labels, [0, 1]);
    assert_eq!(batches[2].shape, [1, 1, 2, 3]);
    for (value, expected) in batches[2].images.iter().zip([40.0, 41.0, 42.0, 43.0, 44.0, 45.0]) {
        assert!((value - expected).abs() < 1e-4);
    }
    let whole = LoaderOptions { drop_last: true, ..LoaderOptions::eval(2, identity()) };
    let loader = Loader::new(set(5), whole).unwrap();
    assert_eq!((loader.steps(), order(&loader, 0)), (2, vec![0, 1, 2, 3]));
}

#[test]
fn each_epoch_is_another_permutation_of_everything() {
    let options = LoaderOptions { shuffle: true, seed: 7, ..LoaderOptions::eval(3, identity()) };
    let loader = Loader::new(set(20), options.clone()).unwrap();
    let (first, second) = (order(&loader, 0), order(&loader, 1));
    assert_ne!(first, second);
    for epoch in [&first, &second] {
        let mut sorted = epoch.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..20).collect::<Vec<_>>());
    }
    assert_eq!(first, order(&loader, 0), "the order depends on seed and epoch alone");
    let other = Loader::new(set(20), LoaderOptions { seed: 8, ..options }).unwrap();
    assert_ne!(first, order(&other, 0));
}

/// These numbers must never change: a run with the same seed must be the same with every version.
#[test]
fn the_order_is_stable_across_versions() {
    let options = LoaderOptions { shuffle: true, seed: 42, ..LoaderOptions::eval(10, identity()) };
    let loader = Loader::new(set(10), options).unwrap();
    assert_eq!(order(&loader, 0), ORDER_OF_SEED_42);
    assert_eq!(PadCropFlip { pad: 4, flip: true }.draw(&mut Draws::new(42, 1, 3)), CROP_OF_SEED_42);
}

const ORDER_OF_SEED_42: [u32; 10] = [0, 7, 8, 3, 2, 5, 1, 9, 4, 6];
const CROP_OF_SEED_42: Crop = Crop { dy: -1, dx: 4, flip: true };

#[test]
fn a_sampler_chooses_the_images_of_an_epoch() {
    let sampled = |sampler: data::Result<Sampler>, drop_last| {
        let sampler = Some(sampler.unwrap());
        let options = LoaderOptions { sampler, seed: 42, drop_last, ..LoaderOptions::eval(10, identity()) };
        Loader::new(set(10), options)
    };
    // A list is shuffled as the images themselves are.
    let loader = sampled(Sampler::shuffled(0..10), false).unwrap();
    assert_eq!(order(&loader, 0), ORDER_OF_SEED_42);
    let loader = sampled(Sampler::in_order([7, 7, 2]), false).unwrap();
    assert_eq!((loader.steps(), order(&loader, 3)), (1, vec![7, 7, 2]));
    let loader = sampled(Sampler::weighted(&[0.0, 1.0, 1.0], 25, true), true).unwrap();
    assert_eq!((loader.steps(), order(&loader, 0).len()), (2, 20));
    assert_ne!(order(&loader, 0), order(&loader, 1));
    for (sampler, drop_last, problem) in [
        (Sampler::in_order([10]), false, "image 10"),
        (Sampler::in_order([]), false, "no images"),
        (Sampler::in_order([1, 2]), true, "of 2 images"),
    ] {
        let error = sampled(sampler, drop_last).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn an_epoch_dropped_early_neither_hangs_nor_disturbs_the_next() {
    let loader =
        Loader::new(set(25), LoaderOptions { prefetch: 0, ..LoaderOptions::eval(1, identity()) }).unwrap();
    for taken in 0..25 {
        let mut batches = loader.epoch(0);
        assert_eq!(batches.by_ref().take(taken).count(), taken);
    }
    assert_eq!(order(&loader, 0).len(), 25);
    assert_eq!(Arc::strong_count(loader.set()), 1, "no thread holds the images any more");
}

#[test]
fn a_batch_may_outlive_its_loader_and_memory_is_reused() {
    let loader = Loader::new(set(4), LoaderOptions::eval(2, identity())).unwrap();
    let expected: Vec<_> = loader.epoch(0).map(|batch| batch.images.clone()).collect();
    for _ in 0..3 {
        for (batch, expected) in loader.epoch(0).zip(&expected) {
            assert_eq!(batch.images, *expected);
        }
    }
    let mut batch = loader.epoch(0).next().unwrap();
    drop(loader);
    assert_eq!(std::mem::take(&mut batch.images), expected[0]);
}

#[test]
fn options_that_cannot_work_say_why() {
    let refuse = |set: Arc<ImageSet>, options: LoaderOptions| match Loader::new(set, options) {
        Err(Error::Options(reason)) => reason,
        other => panic!("{other:?}"),
    };
    let normalize =
        |mean: &[f32], std: &[f32]| LoaderOptions::eval(1, Normalize { mean: mean.into(), std: std.into() });
    assert!(refuse(set(0), LoaderOptions::eval(1, identity())).contains("empty"));
    assert!(refuse(set(5), LoaderOptions::eval(0, identity())).contains("batch of 0"));
    assert!(refuse(set(5), LoaderOptions::train(6, identity())).contains("drop_last"));
    assert!(Loader::new(set(5), LoaderOptions::eval(usize::MAX, identity())).is_ok());
    assert!(refuse(set(5), normalize(&[0.0, 0.0], &[1.0])).contains("1 channels"));
    assert!(refuse(set(5), normalize(&[0.0], &[0.0])).contains("above 0"));
    assert!(refuse(set(5), normalize(&[f32::NAN], &[1.0])).contains("finite"));
    let augment = vec![Augment::pad_crop_flip(2)];
    assert!(
        refuse(set(5), LoaderOptions { augment, ..LoaderOptions::eval(1, identity()) }).contains("padding")
    );
}

#[test]
fn a_crop_moves_mirrors_and_fills_with_zero() {
    let apply = |dy, dx, flip| {
        let mut out = [f32::NAN; 6];
        Crop { dy, dx, flip }.apply(&[10, 20, 30, 40, 50, 60], [1, 2, 3], &identity(), &mut out);
        out.map(|value| value.round())
    };
    assert_eq!(apply(0, 0, false), [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]);
    assert_eq!(apply(0, 0, true), [30.0, 20.0, 10.0, 60.0, 50.0, 40.0]);
    assert_eq!(apply(1, 0, false), [40.0, 50.0, 60.0, 0.0, 0.0, 0.0]);
    assert_eq!(apply(-1, 1, false), [0.0, 0.0, 0.0, 20.0, 30.0, 0.0]);
    assert_eq!(apply(0, -2, true), [10.0, 0.0, 0.0, 40.0, 0.0, 0.0]);
    assert_eq!(apply(5, 0, false), [0.0; 6]);
    assert_eq!(apply(0, -9, false), [0.0; 6]);
}

#[test]
fn augmentation_differs_by_epoch_and_stays_in_range() {
    let set = Arc::new(data::synthetic::shapes(40, 0, 1).train);
    let normalize = set.mean_std();
    let augment = vec![Augment::pad_crop_flip(4)];
    let options = LoaderOptions { augment, ..LoaderOptions::eval(40, normalize.clone()) };
    let loader = Loader::new(set, options).unwrap();
    let epoch = |e| loader.epoch(e).next().unwrap().images.clone();
    assert_eq!(epoch(0), epoch(0));
    assert_ne!(epoch(0), epoch(1));
    for (i, &value) in epoch(1).iter().enumerate() {
        let c = i / 1024 % 3;
        let pixel = value * normalize.std[c] + normalize.mean[c];
        assert!((-1e-4..1.0001).contains(&pixel));
    }
}

#[test]
fn draws_are_even() {
    let augment = PadCropFlip { pad: 2, flip: true };
    let (mut places, mut flips) = ([[0; 5]; 5], 0);
    for i in 0..25_000 {
        let Crop { dy, dx, flip } = augment.draw(&mut Draws::new(3, 1, i));
        places[(dy + 2) as usize][(dx + 2) as usize] += 1;
        flips += i32::from(flip);
    }
    assert!(places.iter().flatten().all(|count| (850..1150).contains(count)), "{places:?}");
    assert!((12_000..13_000).contains(&flips), "{flips}");
}

#[test]
fn normalised_images_have_mean_0_and_deviation_1() {
    let set = Arc::new(data::synthetic::shapes(50, 0, 5).train);
    let loader = Loader::new(set.clone(), LoaderOptions::eval(50, set.mean_std())).unwrap();
    let batch = loader.epoch(0).next().unwrap();
    let values = || batch.images.iter().map(|&v| f64::from(v));
    let count = batch.images.len() as f64;
    assert!((values().sum::<f64>() / count).abs() < 1e-4);
    assert!((values().map(|v| v * v).sum::<f64>() / count - 1.0).abs() < 1e-4);
}
