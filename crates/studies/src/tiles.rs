//! Images of one size with captions, for pictures.

use wgrad::data::synthetic::Scenes;
use wgrad::train::metrics::Detected;
use wgrad::train::plot::{GridImage, outlined};

/// How many times a scene is enlarged, so that outlines of boxes are thin.
const ZOOM: usize = 4;

/// Detections below this score are not drawn.
const SHOWN: f32 = 0.4;

/// Images of one size with their captions, which [`Figure::images`](wgrad::train::plot::Figure::images) borrows.
///
/// ```
/// let mut tiles = studies::Tiles::new(1, 2);
/// tiles.add("black and white", vec![0, 255]);
/// assert_eq!(tiles.images()[0].label, "black and white");
/// ```
pub struct Tiles {
    height: usize,
    width: usize,
    tiles: Vec<(String, Vec<u8>, Option<bool>)>,
}

impl Tiles {
    pub fn new(height: usize, width: usize) -> Tiles {
        Tiles { height, width, tiles: Vec::new() }
    }

    /// Adds grey or RGB bytes, `[1, height, width]` or `[3, height, width]`.
    pub fn add(&mut self, label: impl Into<String>, pixels: Vec<u8>) {
        self.tiles.push((label.into(), pixels, None));
    }

    pub fn images(&self) -> Vec<GridImage<'_>> {
        self.tiles
            .iter()
            .map(|(label, pixels, ok)| GridImage {
                pixels,
                height: self.height,
                width: self.width,
                label: label.clone(),
                ok: *ok,
            })
            .collect()
    }

    /// The first scenes with the boxes that were found in them, in the colours of their classes, named in the caption;
    /// whether these are the classes that are there is shown by the frame.
    pub fn of_detections(scenes: &Scenes, detected: &[Detected], count: usize) -> Tiles {
        let side = scenes.side;
        let mut tiles = Tiles::new(ZOOM * side, ZOOM * side);
        for (i, Detected { detections, objects }) in detected.iter().enumerate().take(count) {
            let shown: Vec<_> = detections.iter().filter(|d| d.score >= SHOWN).collect();
            let boxes: Vec<_> = shown.iter().map(|d| (d.corners, d.class)).collect();
            let mut classes: Vec<u32> = shown.iter().map(|d| d.class).collect();
            let mut wanted: Vec<u32> = objects.iter().map(|o| o.class).collect();
            classes.sort_unstable();
            wanted.sort_unstable();
            let names: Vec<&str> = classes.iter().map(|&class| Scenes::CLASSES[class as usize]).collect();
            let pixels = outlined(scenes.image(i), [side, side], ZOOM, &boxes);
            tiles.tiles.push((names.join(", "), pixels, Some(classes == wanted)));
        }
        tiles
    }
}
