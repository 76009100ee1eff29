//! Scenes with detected boxes, as tiles of a picture.

use wgrad::data::synthetic::Scenes;
use wgrad::train::metrics::Detected;
use wgrad::train::plot::{Tiles, outlined};

/// The factor by which a scene is enlarged, so that box outlines are thin.
const ZOOM: usize = 4;

/// Detections below this score are not drawn.
const SHOWN: f32 = 0.4;

/// The first scenes with their detected boxes, in the colours of the classes, which the caption names; the frame shows whether the detected
/// classes are those of the scene.
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
