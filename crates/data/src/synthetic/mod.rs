//! Synthetic data, to train on without a data set: images of ten classes of shapes and patterns, digits, characters of invented
//! alphabets, scenes, texts, sounds, points of the plane, graphs of communities, and choices of users.

mod bars;
mod blocks;
mod choices;
mod digits;
mod families;
mod formants;
mod grammar;
mod points;
mod render;
mod scenes;
mod shapes;
mod spoken;

use std::sync::Arc;

use rayon::prelude::*;

use crate::draws::{Draws, Use};
use crate::images::{Dataset, ImageSet};

pub use bars::bars_and_stripes;
pub use blocks::{Blocks, LabelledGraph, blocks};
pub use choices::{Choices, choices};
pub use families::{FAMILIES, families};
pub use formants::{SPOKEN_LETTERS, Utterance, Voice, formants};
pub use grammar::{grammar, grammar_entropy};
pub use points::{LabelledPoints, blobs, moons, ring, spirals};
pub use scenes::{Scenes, scenes};
pub use spoken::spoken;

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
/// If a count does not fit in 32 bits.
pub fn shapes(train: usize, test: usize, seed: u64) -> Dataset {
    let draw = |split, i: usize, image: &mut [u8]| {
        let mut draws = Draws::stream(seed, Use::Synthetic, split, i as u64);
        render::scene(i % CLASSES.len(), &mut draws, image);
    };
    let classes: Arc<[String]> = CLASSES.iter().map(|name| name.to_string()).collect();
    let set = |split, count| set(count, classes.clone(), render::SHAPE, |i, image| draw(split, i, image));
    Dataset {
        train: set(0, train),
        test: set(1, test),
        source: format!("synthetic shapes of seed {seed}: {train} train, {test} test"),
    }
}

/// The digits 0 to 9 as `[1, 28, 28]` images like MNIST's, light on black: strokes with place, size, slant, turn, width and
/// small irregularities drawn anew for each image.
///
/// Image `i` of a split has label `i % 10` and depends on the seed, the split and `i` alone, as those of [`shapes`].
///
/// ```
/// let dataset = data::synthetic::digits(20, 10, 42);
/// assert_eq!(dataset.train.shape(), [1, 28, 28]);
/// assert_eq!(dataset.test.labels()[7], 7);
/// ```
///
/// # Panics
/// If a count does not fit in 32 bits.
pub fn digits(train: usize, test: usize, seed: u64) -> Dataset {
    let draw = |split, i: usize, image: &mut [u8]| {
        digits::draw(i % 10, &mut Draws::stream(seed, Use::Digits, split, i as u64), image);
    };
    let classes: Arc<[String]> = (0..10).map(|digit| digit.to_string()).collect();
    let set = |split, count| set(count, classes.clone(), digits::SHAPE, |i, image| draw(split, i, image));
    Dataset {
        train: set(0, train),
        test: set(1, test),
        source: format!("synthetic digits of seed {seed}: {train} train, {test} test"),
    }
}

/// Characters of invented alphabets as `[1, 28, 28]` images, light on black: each class has its own random strokes, and each
/// image its own place, size, slant, turn, width and irregularities. For learning to tell apart classes that were not trained on,
/// as with Omniglot (Lake et al. 2015).
///
/// Image `i` has label `i % classes` and depends on the seed and `i` alone; the strokes of a class on the seed and the
/// class.
///
/// ```
/// let set = data::synthetic::glyphs(30, 60, 42);
/// assert_eq!((set.len(), set.labels()[31], set.shape()), (60, 1, [1, 28, 28]));
/// ```
///
/// # Panics
/// Without classes, or where the count does not fit in 32 bits.
pub fn glyphs(classes: usize, count: usize, seed: u64) -> ImageSet {
    let strokes = |class| digits::invented(&mut Draws::stream(seed, Use::Glyphs, 0, class as u64));
    let strokes: Vec<_> = (0..classes).map(strokes).collect();
    let names: Arc<[String]> = (0..classes).map(|class| format!("glyph {class}")).collect();
    set(count, names, digits::SHAPE, |i, image| {
        let mut draws = Draws::stream(seed, Use::Glyphs, 1, i as u64);
        digits::write(&|_: &mut _| strokes[i % classes].clone(), &mut draws, image);
    })
}

/// [`digits`] at a quarter of their side: `[1, 7, 7]`, each pixel the mean of 4 x 4, for models that train in seconds.
///
/// ```
/// let dataset = data::synthetic::small_digits(20, 10, 42);
/// assert_eq!(dataset.train.shape(), [1, 7, 7]);
/// ```
///
/// # Panics
/// If a count does not fit in 32 bits.
pub fn small_digits(train: usize, test: usize, seed: u64) -> Dataset {
    let Dataset { train, test, source } = digits(train, test, seed);
    let small = |set: &ImageSet| set.average_pooled(4).expect("28 pixels a side");
    Dataset { train: small(&train), test: small(&test), source: format!("small {source}") }
}

/// `count` images, with the classes in rotation.
fn set(
    count: usize,
    classes: Arc<[String]>,
    shape: [usize; 3],
    draw: impl Fn(usize, &mut [u8]) + Sync,
) -> ImageSet {
    let bytes = shape.iter().product();
    let mut pixels = vec![0; count * bytes];
    pixels.par_chunks_exact_mut(bytes).enumerate().for_each(|(i, image)| draw(i, image));
    let labels = (0..count).map(|i| (i % classes.len()) as u32).collect();
    ImageSet::new(pixels, labels, classes, shape)
        .expect("labels are below the classes, pixels are sized above and the count is documented")
}
