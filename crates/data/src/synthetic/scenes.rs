//! Small scenes with masks and boxes, to segment and to detect.

use autograd::{Device, Tensor};
use rayon::prelude::*;

use super::{render, shapes};
use crate::boxes::{Corners, Object, box_iou};
use crate::draws::{Draws, Use};

/// The shapes of the classes 0, 1, 2: their numbers in `shapes`.
const SHAPES: [usize; 3] = [0, 2, 3];

/// How often a place is drawn for a shape before it is left out of the scene.
const TRIES: usize = 20;

/// Images of shapes with their masks and boxes. The pixels of an object of class `c`, 0 to 2, have the value `c + 1` in the mask.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenes {
    /// Rows and columns.
    pub side: usize,
    /// `[N, 3, side, side]`
    pub images: Vec<u8>,
    /// `[N, side, side]`: 0 for the background, one more than the class for an object.
    pub masks: Vec<u8>,
    /// The tight boxes of each scene's objects.
    pub objects: Vec<Vec<Object>>,
}

impl Scenes {
    /// The class names.
    pub const CLASSES: [&str; 3] = ["circle", "square", "triangle"];

    /// How many scenes there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are no scenes.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The pixels of scene `i`, `[3, side, side]`.
    pub fn image(&self, i: usize) -> &[u8] {
        &self.images[i * 3 * self.side * self.side..][..3 * self.side * self.side]
    }

    /// The mask of scene `i`, `[side, side]`.
    pub fn mask(&self, i: usize) -> &[u8] {
        &self.masks[i * self.side * self.side..][..self.side * self.side]
    }

    /// Copies the scenes to a device: pixels from -1 to 1, f32 `[N, 3, side, side]`, and masks, i32 `[N, side, side]`.
    ///
    /// # Errors
    /// Out of memory.
    pub fn to_device(&self, device: &Device) -> autograd::Result<[Tensor; 2]> {
        let pixels: Vec<f32> = self.images.iter().map(|&p| f32::from(p) / 127.5 - 1.0).collect();
        let masks: Vec<i32> = self.masks.iter().map(|&m| i32::from(m)).collect();
        Ok([
            Tensor::from_slice(device, &pixels, &[self.len(), 3, self.side, self.side])?,
            Tensor::from_slice(device, &masks, &[self.len(), self.side, self.side])?,
        ])
    }
}

/// A training and a test set of scenes: one to three circles, squares and triangles that hardly overlap, light on a
/// darker, textured background, of any colour, size and turn. A pixel's colour tells nothing of the class.
///
/// Scene `i` depends on the seed, the split, the side and `i` alone.
///
/// ```
/// let [train, test] = data::synthetic::scenes(8, 2, 24, 42);
/// assert_eq!((train.len(), test.image(1).len()), (8, 3 * 24 * 24));
/// // The box of an object is that of its pixels in the mask.
/// let object = train.objects[0][0];
/// let [left, top, right, bottom] = object.corners.map(|c| c as usize);
/// let has = |y: usize, x: usize| u32::from(train.mask(0)[y * 24 + x]) == object.class + 1;
/// assert!((top..bottom).any(|y| has(y, left)) && (top..bottom).any(|y| has(y, right - 1)));
/// ```
pub fn scenes(train: usize, test: usize, side: usize, seed: u64) -> [Scenes; 2] {
    [(train, 0), (test, 1)].map(|(count, split)| {
        let area = side * side;
        let (mut images, mut masks) = (vec![0; count * 3 * area], vec![0; count * area]);
        let each = images.par_chunks_mut(3 * area).zip(masks.par_chunks_mut(area)).enumerate();
        let objects = each.map(|(i, (image, mask))| {
            draw(side, &mut Draws::stream(seed, Use::Scenes, split, i as u64), image, mask)
        });
        let objects = objects.collect();
        Scenes { side, images, masks, objects }
    })
}

/// Draws one scene.
fn draw(side: usize, draws: &mut Draws, image: &mut [u8], mask: &mut [u8]) -> Vec<Object> {
    let mut canvas = vec![[0.0f32; 3]; side * side];
    let base = render::background(side, draws, &mut canvas);
    let mut objects: Vec<Object> = Vec::new();
    for _ in 0..=draws.below(3) {
        let class = draws.below(3) as usize;
        let colour = render::contrasting(base, draws);
        for _ in 0..TRIES {
            let shape = Shape::drawn(SHAPES[class], side, draws);
            let Some(corners) = shape.corners(side) else { continue };
            if objects.iter().any(|o| box_iou(o.corners, corners) > 0.05) {
                continue;
            }
            for (i, (pixel, mask)) in canvas.iter_mut().zip(mask.iter_mut()).enumerate() {
                let distance = shape.distance(render::centre(i, side));
                render::paint(pixel, colour, distance, 1.0);
                if distance < 0.0 {
                    *mask = class as u8 + 1;
                }
            }
            objects.push(Object { corners, class: class as u32 });
            break;
        }
    }
    let noise = draws.between(4.0, 12.0);
    for (i, pixel) in canvas.iter().enumerate() {
        for (c, &value) in pixel.iter().enumerate() {
            image[c * side * side + i] =
                (value + noise * render::bell(draws)).round().clamp(0.0, 255.0) as u8;
        }
    }
    objects
}

/// A shape with its size, place and turn.
struct Shape {
    shape: usize,
    radius: f32,
    place: (f32, f32),
    turn: (f32, f32),
}

impl Shape {
    fn drawn(shape: usize, side: usize, draws: &mut Draws) -> Shape {
        let side = side as f32;
        let radius = draws.between(0.18, 0.3) * side;
        let place = |draws: &mut Draws| draws.between(0.75 * radius, side - 0.75 * radius);
        Shape { shape, radius, place: (place(draws), place(draws)), turn: render::direction(draws) }
    }

    /// The signed distance from a point to the edge, in pixels, below 0 inside.
    fn distance(&self, (x, y): (f32, f32)) -> f32 {
        let (x, y) = (x - self.place.0, y - self.place.1);
        let (cos, sin) = self.turn;
        let (u, v) = ((x * cos + y * sin) / self.radius, (y * cos - x * sin) / self.radius);
        shapes::distance(self.shape, u, v) * self.radius
    }

    /// The tight box of its pixels, `None` if it has none.
    fn corners(&self, side: usize) -> Option<Corners> {
        let inside = |&i: &usize| self.distance(render::centre(i, side)) < 0.0;
        (0..side * side).filter(inside).fold(None, |corners, i| {
            let (x, y) = ((i % side) as f32, (i / side) as f32);
            let [left, top, right, bottom] = corners.unwrap_or([x, y, x + 1.0, y + 1.0]);
            Some([left.min(x), top.min(y), right.max(x + 1.0), bottom.max(y + 1.0)])
        })
    }
}
