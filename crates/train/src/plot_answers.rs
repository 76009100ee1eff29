//! Images with a classifier's answers.

use std::path::Path;

use data::ImageSet;
use plot::{GridImage, image_grid};

use crate::Result;

/// Draws the images of a set, ten per row, each with its label and predicted class; `answers` has one class per image.
///
/// # Errors
/// As [`image_grid`].
///
/// # Panics
/// When the numbers of images and answers differ, or an answer is not a class of the set.
pub fn plot_answers(path: impl AsRef<Path>, images: &ImageSet, answers: &[u32]) -> Result<()> {
    assert!(images.len() == answers.len(), "plot_answers: one an image");
    let [_, height, width] = images.shape();
    let cell = |(i, &answer): (usize, &u32)| {
        let label = images.labels()[i];
        let (is, said) = (&images.classes()[label as usize], &images.classes()[answer as usize]);
        let label = format!("{is} -> {said}");
        GridImage { pixels: images.image(i), height, width, label, ok: Some(is == said) }
    };
    let cells: Vec<GridImage> = answers.iter().enumerate().map(cell).collect();
    Ok(image_grid(path.as_ref(), "label -> answer", &cells, 10)?)
}
