//! Draws one scene: a background, distractors, one shape, noise.

use super::shapes;
use crate::draws::Draws;

/// Rows and columns.
const SIDE: usize = 32;

/// `[C, H, W]`
pub(super) const SHAPE: [usize; 3] = [3, SIDE, SIDE];

/// The background's texture is random at this many points a side, and smooth between.
const KNOTS: usize = 6;

pub(super) type Colour = [f32; 3];

/// Draws an image of class `class` to `image` `[3, 32, 32]`.
pub(super) fn scene(class: usize, draws: &mut Draws, image: &mut [u8]) {
    let mut canvas = [[0.0f32; 3]; SIDE * SIDE];
    let base = background(SIDE, draws, &mut canvas);
    for _ in 0..2 + draws.bits() % 3 {
        distractor(draws, &mut canvas);
    }
    shape(class, base, draws, &mut canvas);
    let noise = draws.between(4.0, 16.0);
    for (i, pixel) in canvas.iter().enumerate() {
        for (c, &value) in pixel.iter().enumerate() {
            image[c * SIDE * SIDE + i] = (value + noise * bell(draws)).round().clamp(0.0, 255.0) as u8;
        }
    }
}

/// An approximately normal number of mean 0 and deviation 1: the sum of a word's four bytes.
pub(super) fn bell(draws: &mut Draws) -> f32 {
    let sum: u32 = draws.bits().to_le_bytes().into_iter().map(u32::from).sum();
    (sum as f32 - 510.0) / 147.8
}

fn colour(draws: &mut Draws, low: f32, high: f32) -> Colour {
    [(); 3].map(|()| draws.between(low, high))
}

/// A colour, rather light, that stands out against `other` in one channel or in several.
pub(super) fn contrasting(other: Colour, draws: &mut Draws) -> Colour {
    loop {
        let colour = colour(draws, 95.0, 255.0);
        let squares: f32 = colour.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum();
        if squares > 110.0 * 110.0 {
            return colour;
        }
    }
}

/// A unit vector in any direction.
pub(super) fn direction(draws: &mut Draws) -> (f32, f32) {
    loop {
        let (x, y) = (draws.between(-1.0, 1.0), draws.between(-1.0, 1.0));
        let squares = x * x + y * y;
        if (0.01..1.0).contains(&squares) {
            let length = squares.sqrt();
            return (x / length, y / length);
        }
    }
}

/// The centre of pixel `i` of an image of `side` columns, in pixels.
pub(super) fn centre(i: usize, side: usize) -> (f32, f32) {
    ((i % side) as f32 + 0.5, (i / side) as f32 + 0.5)
}

/// The covered share of a pixel at a signed `distance` (in pixels, below 0 inside) from an edge of the given softness.
pub(super) fn cover(distance: f32, softness: f32) -> f32 {
    (0.5 - distance / softness).clamp(0.0, 1.0)
}

/// Paints `colour` over a pixel as far as it is covered.
pub(super) fn paint(pixel: &mut Colour, colour: Colour, distance: f32, softness: f32) {
    let cover = cover(distance, softness);
    for (to, from) in pixel.iter_mut().zip(colour) {
        *to += cover * (from - *to);
    }
}

/// A gradient of rather dark colours under a smooth texture; returns the colour in the middle.
pub(super) fn background(side: usize, draws: &mut Draws, canvas: &mut [Colour]) -> Colour {
    let base = colour(draws, 0.0, 150.0);
    let slope: Colour = [(); 3].map(|()| draws.between(-1.8, 1.8));
    let (dx, dy) = direction(draws);
    let middle = side as f32 / 2.0;
    let strength = draws.between(5.0, 35.0);
    let knots: [[f32; KNOTS + 1]; KNOTS + 1] =
        [(); KNOTS + 1].map(|()| [(); KNOTS + 1].map(|()| draws.between(-strength, strength)));
    for (i, pixel) in canvas.iter_mut().enumerate() {
        let (x, y) = centre(i, side);
        let (u, v) = (x * KNOTS as f32 / side as f32, y * KNOTS as f32 / side as f32);
        let (column, row) = (u as usize, v as usize);
        let (u, v) = (u - column as f32, v - row as f32);
        let mix = |knots: &[f32]| knots[column] + u * (knots[column + 1] - knots[column]);
        let (above, below) = (mix(&knots[row]), mix(&knots[row + 1]));
        let texture = above + v * (below - above);
        let along = (x - middle) * dx + (y - middle) * dy;
        for (c, value) in pixel.iter_mut().enumerate() {
            *value = base[c] + slope[c] * along + texture;
        }
    }
    base
}

/// A short line of any colour; a dot if it is very short.
fn distractor(draws: &mut Draws, canvas: &mut [Colour]) {
    let colour = colour(draws, 0.0, 255.0);
    let (x, y) = (draws.between(0.0, 32.0), draws.between(0.0, 32.0));
    let (dx, dy) = direction(draws);
    let (length, half_width) = (draws.between(0.0, 10.0), draws.between(0.6, 1.4));
    for (i, pixel) in canvas.iter_mut().enumerate() {
        let (px, py) = (centre(i, SIDE).0 - x, centre(i, SIDE).1 - y);
        let along = (px * dx + py * dy).clamp(0.0, length);
        let (ax, ay) = (px - along * dx, py - along * dy);
        paint(pixel, colour, (ax * ax + ay * ay).sqrt() - half_width, 1.2);
    }
}

/// The shape of the image's class.
fn shape(class: usize, base: Colour, draws: &mut Draws, canvas: &mut [Colour]) {
    let colour = contrasting(base, draws);
    let shade: Colour = [(); 3].map(|()| draws.between(-1.5, 1.5));
    let radius = draws.between(8.0, 12.0);
    let stretch = draws.between(0.87, 1.15);
    let (x, y) = (draws.between(12.0, 20.0), draws.between(12.0, 20.0));
    let (cos, sin) = direction(draws);
    let softness = draws.between(0.8, 2.0);
    for (i, pixel) in canvas.iter_mut().enumerate() {
        let (px, py) = (centre(i, SIDE).0 - x, centre(i, SIDE).1 - y);
        let (u, v) = ((px * cos + py * sin) / radius * stretch, (py * cos - px * sin) / radius / stretch);
        let distance = shapes::distance(class, u, v) * radius;
        let mut shaded = colour;
        for (value, slope) in shaded.iter_mut().zip(shade) {
            *value += slope * px;
        }
        paint(pixel, shaded, distance, softness);
    }
}
