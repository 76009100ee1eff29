//! Data made from nothing, to train on where there is no data set: images of ten classes of shapes and patterns, and a text.

mod grammar;
mod render;
mod shapes;

use std::sync::Arc;

use rayon::prelude::*;

use crate::images::{Dataset, ImageSet};
use crate::rng::{self, Use};

pub use grammar::grammar;

/// The class names, in the order of their labels.
const CLASSES: [&str; 10] =
    ["circle", "ring", "square", "triangle", "cross", "star", "stripes", "checkerboard", "dots", "spiral"];

/// Ten classes of `[3, 32, 32]` images: circle, ring, square, triangle, cross, star, stripes, checkerboard, dots
/// and spiral, in rather light colours over darker, textured backgrounds, with place, size, rotation, softness,
/// distractors and noise drawn anew for each image.
///
/// Nothing but form tells the classes apart, so a linear model does poorly and a small convolutional network well.
/// Image `i` of a split has label `i % 10` and depends on the seed, the split and `i` alone: the same bits for
/// any number of images and of threads.
///
/// ```
/// let dataset = data::synthetic::shapes(20, 10, 42);
/// assert_eq!(dataset.train.len(), 20);
/// assert_eq!(dataset.train.shape(), [3, 32, 32]);
/// assert_eq!(dataset.test.classes()[9], "spiral");
/// ```
///
/// # Panics
/// Where a count does not fit in 32 bits.
pub fn shapes(train: usize, test: usize, seed: u64) -> Dataset {
    let classes: Arc<[String]> = CLASSES.iter().map(|name| name.to_string()).collect();
    let set = |split, count: usize| {
        let mut pixels = vec![0; count * render::BYTES];
        pixels.par_chunks_exact_mut(render::BYTES).enumerate().for_each(|(i, image)| {
            let mut rng = rng::stream(seed, Use::Synthetic, split, i as u64);
            render::scene(i % CLASSES.len(), &mut rng, image);
        });
        let labels = (0..count).map(|i| (i % CLASSES.len()) as u32).collect();
        ImageSet::new(pixels, labels, classes.clone(), render::SHAPE)
            .expect("labels are below ten, pixels are sized above and the count is documented")
    };
    Dataset {
        train: set(0, train),
        test: set(1, test),
        source: format!("synthetic shapes of seed {seed}: {train} train, {test} test"),
    }
}
