//! The synthetic set: the same bits always, and no task for a linear model.

use std::sync::Arc;

use data::{Dataset, ImageSet, Loader, LoaderOptions, Normalize, synthetic};

#[test]
fn the_same_bits_on_every_run_and_number_of_threads() {
    let dataset = synthetic::shapes(300, 100, 9);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let alone = one.install(|| synthetic::shapes(200, 100, 9));
    assert_eq!(dataset.train.subset(0..200).unwrap(), alone.train);
    assert_eq!(dataset.test, alone.test);
    assert_ne!(dataset.train.pixels(), synthetic::shapes(300, 0, 10).train.pixels());
    assert_ne!(dataset.train.image(0), dataset.test.image(0));
    assert_eq!(
        crc32fast::hash(dataset.train.pixels()),
        4_189_691_623,
        "the pixels changed: published results no longer hold"
    );
}

#[test]
fn digits_are_the_same_bits_always() {
    let dataset = synthetic::digits(100, 50, 9);
    assert_eq!(dataset.train.subset(0..60).unwrap(), synthetic::digits(60, 0, 9).train);
    assert_ne!(dataset.train.image(0), dataset.test.image(0));
    assert_eq!(
        crc32fast::hash(dataset.train.pixels()),
        2_382_972_079,
        "the pixels changed: published results no longer hold"
    );
    // Strokes cover some of the picture, and none touches its corners.
    for image in (0..100).map(|i| dataset.train.image(i)) {
        let light = image.iter().filter(|&&p| p > 128).count();
        assert!((20..350).contains(&light) && image[0] < 64, "{light} light pixels");
    }
}

#[test]
fn labels_are_balanced() {
    let set = synthetic::shapes(200, 0, 0).train;
    for class in 0..10 {
        assert_eq!(set.labels().iter().filter(|&&label| label == class).count(), 20);
    }
}

/// Softmax regression on pixels, by gradient descent with momentum.
#[test]
fn a_linear_model_does_better_than_chance_but_not_well() {
    let Dataset { train, test, .. } = synthetic::shapes(2000, 1000, 0);
    let normalize = train.mean_std();
    let loader = Loader::new(Arc::new(train), LoaderOptions::train(50, normalize.clone())).unwrap();
    let size = 3 * 32 * 32;
    let mut weights = vec![0.0f32; 10 * size];
    let mut velocity = weights.clone();
    for epoch in 0..10 {
        for batch in loader.epoch(epoch) {
            velocity.iter_mut().for_each(|v| *v *= 0.9);
            for (image, &label) in batch.images.chunks_exact(size).zip(&batch.labels) {
                let probabilities = softmax(logits(&weights, image));
                for (class, velocity) in velocity.chunks_exact_mut(size).enumerate() {
                    let slope = probabilities[class] - if class == label as usize { 1.0 } else { 0.0 };
                    velocity.iter_mut().zip(image).for_each(|(v, x)| *v += slope / 50.0 * x);
                }
            }
            weights.iter_mut().zip(&velocity).for_each(|(w, v)| *w -= 1e-4 * v);
        }
    }
    let accuracy = accuracy(&weights, test, normalize);
    println!("linear model: {:.1} %", 100.0 * accuracy);
    assert!((0.12..0.6).contains(&accuracy), "{accuracy}");
}

fn accuracy(weights: &[f32], test: ImageSet, normalize: Normalize) -> f64 {
    let count = test.len();
    let loader = Loader::new(Arc::new(test), LoaderOptions::eval(100, normalize)).unwrap();
    let mut right = 0;
    for batch in loader.epoch(0) {
        for (image, &label) in batch.images.chunks_exact(3072).zip(&batch.labels) {
            let logits = logits(weights, image);
            let best = (0..10).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
            right += usize::from(best == Some(label as usize));
        }
    }
    right as f64 / count as f64
}

fn logits(weights: &[f32], image: &[f32]) -> [f32; 10] {
    std::array::from_fn(|class| {
        // Eight sums side by side, which the compiler can vectorise.
        let mut sums = [0.0f32; 8];
        for (w, x) in weights[class * 3072..][..3072].chunks_exact(8).zip(image.chunks_exact(8)) {
            (0..8).for_each(|lane| sums[lane] += w[lane] * x[lane]);
        }
        sums.iter().sum()
    })
}

fn softmax(logits: [f32; 10]) -> [f32; 10] {
    let top = logits.iter().copied().fold(f32::MIN, f32::max);
    let powers = logits.map(|logit| (logit - top).exp());
    let sum: f32 = powers.iter().sum();
    powers.map(|power| power / sum)
}
