//! The built-in sets of labelled data: the library's, whose training labels can all be [shuffled](crate::shuffle_targets).

use wgrad::data::synthetic as library;
use wgrad::data::synthetic::{Blocks, Choices, LabelledGraph, LabelledPoints, Scenes};
use wgrad::data::{Dataset, ImageSet};

use crate::targets::{shuffle, shuffle_labels};

fn points(mut set: LabelledPoints) -> LabelledPoints {
    shuffle(&mut set.labels);
    set
}

pub(crate) fn images(set: Dataset) -> wgrad::data::Result<Dataset> {
    Ok(Dataset { train: shuffle_labels(set.train)?, ..set })
}

/// [`wgrad::data::synthetic::moons`]
pub fn moons(count: usize, noise: f64, seed: u64) -> LabelledPoints {
    points(library::moons(count, noise, seed))
}

/// [`wgrad::data::synthetic::blobs`]
pub fn blobs(count: usize, centres: &[[f64; 2]], deviation: f64, seed: u64) -> LabelledPoints {
    points(library::blobs(count, centres, deviation, seed))
}

/// [`wgrad::data::synthetic::spirals`]
pub fn spirals(count: usize, classes: usize, noise: f64, seed: u64) -> LabelledPoints {
    points(library::spirals(count, classes, noise, seed))
}

/// [`wgrad::data::synthetic::ring`]
pub fn ring(count: usize, modes: usize, radius: f64, deviation: f64, seed: u64) -> LabelledPoints {
    points(library::ring(count, modes, radius, deviation, seed))
}

/// [`wgrad::data::synthetic::blocks`]; with the labels, their training rows are those of other nodes.
pub fn blocks(of: Blocks, seed: u64) -> LabelledGraph {
    let mut graph = library::blocks(of, seed);
    shuffle(&mut graph.labels);
    graph
}

/// [`wgrad::data::synthetic::choices`]; what is shuffled is the users of the training choices.
pub fn choices(users: usize, items: usize, factors: usize, chosen: usize, seed: u64) -> Choices {
    let mut set = library::choices(users, items, factors, chosen, seed);
    shuffle(&mut set.train);
    set
}

/// [`wgrad::data::synthetic::digits`]
///
/// # Errors
/// Out of memory.
pub fn digits(train: usize, test: usize, seed: u64) -> wgrad::data::Result<Dataset> {
    images(library::digits(train, test, seed))
}

/// [`wgrad::data::synthetic::small_digits`]
///
/// # Errors
/// As [`digits`].
pub fn small_digits(train: usize, test: usize, seed: u64) -> wgrad::data::Result<Dataset> {
    images(library::small_digits(train, test, seed))
}

/// [`wgrad::data::synthetic::shapes`]
///
/// # Errors
/// As [`digits`].
pub fn shapes(train: usize, test: usize, seed: u64) -> wgrad::data::Result<Dataset> {
    images(library::shapes(train, test, seed))
}

/// [`wgrad::data::synthetic::glyphs`]
///
/// # Errors
/// As [`digits`].
pub fn glyphs(classes: usize, count: usize, seed: u64) -> wgrad::data::Result<ImageSet> {
    shuffle_labels(library::glyphs(classes, count, seed))
}

/// [`wgrad::data::synthetic::scenes`]
pub fn scenes(train: usize, test: usize, side: usize, seed: u64) -> [Scenes; 2] {
    let [mut train, test] = library::scenes(train, test, side, seed);
    shuffle(&mut train.objects);
    if crate::targets::shuffled() {
        let mut masks: Vec<&[u8]> = train.masks.chunks_exact(side * side).collect();
        shuffle(&mut masks);
        train.masks = masks.concat();
    }
    [train, test]
}
