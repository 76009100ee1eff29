//! Handwritten-looking digits: strokes through jittered points, slanted, turned and blurred.
//!
//! As in `shapes`, only `+ - * /` and square roots are used, so that every platform draws the same bits.

use super::render::{bell, centre, cover};
use crate::draws::Draws;

/// Rows and columns, as MNIST's.
const SIDE: usize = 28;

/// `[C, H, W]`
pub(super) const SHAPE: [usize; 3] = [1, SIDE, SIDE];

type Point = (f32, f32);

/// Cosines of the multiples of 15 degrees up to 90.
const COS: [f32; 7] =
    [1.0, 0.965_925_8, 0.866_025_4, core::f32::consts::FRAC_1_SQRT_2, 0.5, 0.258_819_05, 0.0];

/// Cosine and sine of `k` times 15 degrees.
fn circle(k: usize) -> Point {
    let cos = |k: usize| match k % 24 {
        k @ 0..=6 => COS[k],
        k @ 7..=12 => -COS[12 - k],
        k @ 13..=18 => -COS[k - 12],
        k => COS[24 - k],
    };
    (cos(k), cos(k + 18))
}

/// Points of an ellipse from `from` to `to`, clockwise from the right in steps of 15 degrees.
fn arc(centre: Point, radii: Point, from: usize, to: usize) -> Vec<Point> {
    let point = |k| (centre.0 + radii.0 * circle(k).0, centre.1 + radii.1 * circle(k).1);
    (from..=to).map(point).collect()
}

/// The strokes of a digit in a box of about 1.2 x 2 around the origin, y downwards. Some digits are written in two ways.
fn strokes(digit: usize, draws: &mut Draws) -> Vec<Vec<Point>> {
    let second_way = draws.bits().is_multiple_of(4);
    match digit {
        0 => vec![arc((0.0, 0.0), (0.6, 0.95), 0, 24)],
        1 => {
            let foot = second_way.then(|| vec![(-0.35, 0.95), (0.45, 0.95)]);
            [vec![(-0.3, -0.55), (0.05, -0.95), (0.05, 0.95)]].into_iter().chain(foot).collect()
        }
        2 => {
            let mut stroke = arc((0.0, -0.45), (0.55, 0.5), 12, 26);
            stroke.extend([(-0.6, 0.95), (0.6, 0.95)]);
            vec![stroke]
        }
        3 => vec![arc((0.0, -0.47), (0.5, 0.48), 14, 30), arc((0.0, 0.47), (0.55, 0.48), 18, 34)],
        4 => vec![vec![(0.25, 0.95), (0.25, -0.95), (-0.6, 0.35), (0.6, 0.35)]],
        5 => vec![vec![(0.5, -0.95), (-0.45, -0.95), (-0.5, -0.1)], arc((0.0, 0.35), (0.55, 0.6), 15, 33)],
        6 => vec![vec![(0.35, -0.95), (-0.2, -0.45), (-0.55, 0.35)], arc((0.0, 0.4), (0.55, 0.55), 0, 24)],
        7 => {
            let bar = second_way.then(|| vec![(-0.25, 0.0), (0.45, 0.0)]);
            [vec![(-0.55, -0.95), (0.55, -0.95), (-0.1, 0.95)]].into_iter().chain(bar).collect()
        }
        8 => vec![arc((0.0, -0.48), (0.45, 0.45), 0, 24), arc((0.0, 0.47), (0.55, 0.5), 0, 24)],
        _ => vec![arc((0.0, -0.4), (0.5, 0.55), 0, 24), vec![(0.5, -0.4), (0.4, 0.3), (0.1, 0.95)]],
    }
}

/// Draws a digit, light on black, to `image` `[1, 28, 28]`.
pub(super) fn draw(digit: usize, draws: &mut Draws, image: &mut [u8]) {
    write(&|draws: &mut Draws| strokes(digit, draws), draws, image);
}

/// The strokes of an invented character: two to three, of three to four points each.
pub(super) fn invented(draws: &mut Draws) -> Vec<Vec<Point>> {
    let point = |draws: &mut Draws| (draws.between(-0.7, 0.7), draws.between(-0.95, 0.95));
    let stroke = |draws: &mut Draws| (0..3 + draws.below(2)).map(|_| point(draws)).collect();
    (0..2 + draws.below(2)).map(|_| stroke(draws)).collect()
}

/// Draws strokes in a handwriting of random size, slant, turn and width.
pub(super) fn write(strokes: &impl Fn(&mut Draws) -> Vec<Vec<Point>>, draws: &mut Draws, image: &mut [u8]) {
    let (scale, stretch) = (draws.between(7.5, 10.5), draws.between(0.8, 1.2));
    let (slant, turn) = (draws.between(-0.3, 0.3), draws.between(-0.25, 0.25));
    let length = (1.0 + turn * turn).sqrt();
    let (cos, sin) = (1.0 / length, turn / length);
    let (x, y) = (draws.between(12.0, 16.0), draws.between(12.5, 15.5));
    let jitter = draws.between(0.0, 0.08);
    let place = |(u, v): Point, draws: &mut Draws| {
        let (u, v) = (u + jitter * bell(draws), v + jitter * bell(draws));
        let (u, v) = ((u - slant * v) * stretch, v);
        (x + scale * (cos * u - sin * v), y + scale * (sin * u + cos * v))
    };
    let strokes: Vec<Vec<Point>> =
        strokes(draws).iter().map(|s| s.iter().map(|&p| place(p, draws)).collect()).collect();
    let (half_width, softness) = (draws.between(0.7, 1.5), draws.between(1.0, 1.8));
    let (light, noise) = (draws.between(180.0, 255.0), draws.between(0.0, 12.0));
    // A pixel further away than this is not covered.
    let reach = half_width + softness;
    let mut squares = [f32::MAX; SIDE * SIDE];
    for ends in strokes.iter().flat_map(|s| s.windows(2)) {
        let near = |a: f32, b: f32| {
            (a.min(b) - reach).max(0.0) as usize..SIDE.min((a.max(b) + reach).max(0.0) as usize + 1)
        };
        for row in near(ends[0].1, ends[1].1) {
            for column in near(ends[0].0, ends[1].0) {
                let square = &mut squares[row * SIDE + column];
                *square = square.min(distance_squared(centre(row * SIDE + column, SIDE), ends[0], ends[1]));
            }
        }
    }
    for (pixel, square) in image.iter_mut().zip(squares) {
        let value = light * cover(square.sqrt() - half_width, softness) + noise * bell(draws);
        *pixel = value.round().clamp(0.0, 255.0) as u8;
    }
}

/// The squared distance from a point to the segment between two others.
fn distance_squared(point: Point, from: Point, to: Point) -> f32 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (px, py) = (point.0 - from.0, point.1 - from.1);
    let along = ((px * dx + py * dy) / (dx * dx + dy * dy).max(f32::MIN_POSITIVE)).clamp(0.0, 1.0);
    let (x, y) = (px - along * dx, py - along * dy);
    x * x + y * y
}
