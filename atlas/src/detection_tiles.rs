//! Scenes with the boxes that were found in them, for pictures.

use wgrad::data::synthetic::Scenes;
use wgrad::train::metrics::Detected;
use wgrad::train::plot::{Tiles, outlined};

/// How many times a scene is enlarged, so that outlines of boxes are thin.
const ZOOM: usize = 4;

/// Detections below this score are not drawn.
const SHOWN: f32 = 0.4;

/// The first scenes with the boxes that were found in them, in the colours of their classes, named in the caption; whether these are
/// the classes that are there is shown by the frame.
pub fn detection_tiles(scenes: &Scenes, detected: &[Detected], count: usize) -> Tiles {
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
        tiles.add_judged(names.join(", "), pixels, classes == wanted);
    }
    tiles
}
