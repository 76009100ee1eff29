//! Characters of a made-up alphabet: each a few strokes at random, written again and again.
//!
//! As in `shapes`, only `+ - * /` and square roots are used, so that every platform draws the same bits.

use rand_chacha::rand_core::Rng;

use super::digits::{Point, distance};
use super::render::{bell, cover};
use crate::rng::between;

/// Rows and columns.
const SIDE: usize = 14;

/// `[C, H, W]`
pub(super) const SHAPE: [usize; 3] = [1, SIDE, SIDE];

/// Two or three strokes of three points each in a box of 2 x 2 around the origin, the points of a stroke not too near to each other.
pub(super) fn strokes(rng: &mut impl Rng) -> Vec<Vec<Point>> {
    let count = 2 + rng.next_u32() % 2;
    let stroke = |_| {
        let mut points: Vec<Point> = Vec::new();
        while points.len() < 3 {
            let next = (between(rng, -1.0, 1.0), between(rng, -1.0, 1.0));
            let away = |p: &Point| (p.0 - next.0) * (p.0 - next.0) + (p.1 - next.1) * (p.1 - next.1) > 0.5;
            if points.last().is_none_or(away) {
                points.push(next);
            }
        }
        points
    };
    (0..count).map(stroke).collect()
}

/// Writes a character once, light on black, to `image` `[1, 14, 14]`: with place, size, slant, turn, width and small irregularities
/// of this time.
pub(super) fn draw(strokes: &[Vec<Point>], rng: &mut impl Rng, image: &mut [u8]) {
    let (scale, stretch) = (between(rng, 4.0, 5.2), between(rng, 0.85, 1.15));
    let (slant, turn) = (between(rng, -0.25, 0.25), between(rng, -0.25, 0.25));
    let length = (1.0 + turn * turn).sqrt();
    let (cos, sin) = (1.0 / length, turn / length);
    let (x, y) = (between(rng, 6.0, 8.0), between(rng, 6.0, 8.0));
    let mut place = |(u, v): Point| {
        let (u, v) = (u + 0.07 * bell(rng), v + 0.07 * bell(rng));
        let (u, v) = ((u - slant * v) * stretch, v);
        (x + scale * (cos * u - sin * v), y + scale * (sin * u + cos * v))
    };
    let placed: Vec<Vec<Point>> = strokes.iter().map(|s| s.iter().map(|&p| place(p)).collect()).collect();
    let (half_width, light) = (between(rng, 0.35, 0.7), between(rng, 190.0, 255.0));
    for (i, pixel) in image.iter_mut().enumerate() {
        let at = ((i % SIDE) as f32 + 0.5, (i / SIDE) as f32 + 0.5);
        let segments = placed.iter().flat_map(|s| s.windows(2));
        let away = segments.map(|ends| distance(at, ends[0], ends[1])).fold(f32::MAX, f32::min);
        *pixel = (light * cover(away - half_width, 1.0)).round().clamp(0.0, 255.0) as u8;
    }
}
