//! Images of numbers, as tensors hold them, for a grid.

use crate::color_map::ColorMap;
use crate::grid::GridImage;
use crate::overlay::colored;
use crate::theme::Theme;

/// Images of one size with their captions.
///
/// ```
/// use plot::Tiles;
/// let tiles = Tiles::new(1, 2).grey(&[0.0, 1.0, 0.5, 0.0], |i| format!("image {i}"));
/// let images = tiles.images();
/// assert_eq!((images.len(), images[1].label.as_str()), (2, "image 1"));
/// assert_eq!(images[0].pixels, [0, 255, 0, 255, 0, 255]);
/// ```
#[derive(Clone, Debug)]
pub struct Tiles {
    height: usize,
    width: usize,
    images: Vec<(Vec<u8>, String, Option<bool>)>,
}

impl Tiles {
    /// An empty set of images of this size.
    pub fn new(height: usize, width: usize) -> Tiles {
        Tiles { height, width, images: Vec::new() }
    }

    /// More images `[N, height, width]`, black at 0 and white at 1, each with its label.
    pub fn grey(self, values: &[f32], label: impl Fn(usize) -> String) -> Tiles {
        self.more(values, (0.0, 1.0), ColorMap::Grey, label)
    }

    /// More images `[N, height, width]` of numbers on both sides of 0, blue at `-limit` and red at `limit`.
    pub fn diverging(self, values: &[f32], limit: f32, label: impl Fn(usize) -> String) -> Tiles {
        self.more(values, (-limit, limit), ColorMap::Diverging, label)
    }

    fn more(
        mut self,
        values: &[f32],
        (low, high): (f32, f32),
        colors: ColorMap,
        label: impl Fn(usize) -> String,
    ) -> Tiles {
        let images = values.chunks(self.height * self.width).enumerate();
        let colored = |v: &[f32]| colored(v, low, high, colors, Theme::Light);
        self.images.extend(images.map(|(i, v)| (colored(v), label(i), None)));
        self
    }

    /// Adds grey or RGB bytes, `[1, height, width]` or `[3, height, width]`.
    pub fn add(&mut self, label: impl Into<String>, pixels: Vec<u8>) {
        self.images.push((pixels, label.into(), None));
    }

    /// As [`add`](Tiles::add), with whether the caption is right, which the frame shows.
    pub fn add_judged(&mut self, label: impl Into<String>, pixels: Vec<u8>, right: bool) {
        self.images.push((pixels, label.into(), Some(right)));
    }

    /// The images, as [`Figure::images`](crate::Figure::images) takes them.
    pub fn images(&self) -> Vec<GridImage<'_>> {
        self.images
            .iter()
            .map(|(pixels, label, ok)| GridImage {
                pixels,
                height: self.height,
                width: self.width,
                label: label.clone(),
                ok: *ok,
            })
            .collect()
    }
}
