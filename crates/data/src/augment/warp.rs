//! Geometric maps of images, with bilinear sampling.

use super::Image;

/// Rotation, scaling, shear and translation about a centre, as torchvision's `affine`.
///
/// A point `v`, relative to the centre, moves to `R(angle) Shear(shear) scale v + translate`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// Degrees, clockwise.
    pub angle: f32,
    /// Pixels to the right and down.
    pub translate: [f32; 2],
    /// Above 1 enlarges.
    pub scale: f32,
    /// Degrees along x and y.
    pub shear: [f32; 2],
    /// The centre, in pixels from the upper left corner, which only the translation moves; the middle of the image if not given.
    pub center: Option<[f32; 2]>,
}

impl Default for Affine {
    /// The identity.
    fn default() -> Affine {
        Affine { angle: 0.0, translate: [0.0; 2], scale: 1.0, shear: [0.0; 2], center: None }
    }
}

impl Affine {
    /// The matrix `[[a, b, c], [d, e, f]]` that maps a point of the result to one of the image.
    fn inverse(&self, [height, width]: [usize; 2]) -> [f64; 6] {
        let [cx, cy] = match self.center {
            Some(center) => center.map(f64::from),
            None => [width as f64 * 0.5, height as f64 * 0.5],
        };
        let [tx, ty] = self.translate.map(f64::from);
        let [sx, sy] = self.shear.map(|degrees| f64::from(degrees).to_radians());
        let (angle, scale) = (f64::from(self.angle).to_radians(), f64::from(self.scale));
        // The forward matrix without the scale is [[a, b], [c, d]], of determinant 1; it is inverted below.
        let a = (angle - sy).cos() / sy.cos();
        let b = -(angle - sy).cos() * sx.tan() / sy.cos() - angle.sin();
        let c = (angle - sy).sin() / sy.cos();
        let d = -(angle - sy).sin() * sx.tan() / sy.cos() + angle.cos();
        let [a, b, c, d] = [d / scale, -b / scale, -c / scale, a / scale];
        [a, b, cx - a * (cx + tx) - b * (cy + ty), c, d, cy - c * (cx + tx) - d * (cy + ty)]
    }
}

pub(super) fn affine(image: &mut Image, affine: &Affine) {
    let [_, height, width] = image.shape();
    let [a, b, c, d, e, f] = affine.inverse([height, width]);
    sample(image, |x, y| {
        let (x, y) = (x as f64 + 0.5, y as f64 + 0.5);
        (a * x + b * y + c, d * x + e * y + f)
    });
}

/// Each pixel is sampled `[dx, dy]` away from its own place.
pub(super) fn displace(image: &mut Image, field: &[[f32; 2]]) {
    let width = image.shape()[2];
    sample(image, |x, y| {
        let [dx, dy] = field[y * width + x].map(f64::from);
        (x as f64 + 0.5 + dx, y as f64 + 0.5 + dy)
    });
}

/// Pixel `(x, y)` becomes what is at `from(x, y)`, where the middle of pixel `(0, 0)` is at `(0.5, 0.5)`, with the fill colour
/// outside of the image. As in Pillow: bilinear between the middles of pixels, constant beyond them, and truncated to a byte.
fn sample(image: &mut Image, from: impl Fn(usize, usize) -> (f64, f64)) {
    let [channels, height, width] = image.shape();
    let (area, fill) = (height * width, image.fill());
    let pixels = image.pixels();
    let mut out = vec![0; pixels.len()];
    for y in 0..height {
        for x in 0..width {
            let (sx, sy) = from(x, y);
            let inside = (0.0..width as f64).contains(&sx) && (0.0..height as f64).contains(&sy);
            if !inside {
                (0..channels).for_each(|c| out[c * area + y * width + x] = fill[c]);
                continue;
            }
            let [(left, right, across), (top, bottom, down)] =
                [neighbours(sx, width), neighbours(sy, height)];
            for c in 0..channels {
                let at = |y: usize, x: usize| f64::from(pixels[c * area + y * width + x]);
                let row = |y| at(y, left) * (1.0 - across) + at(y, right) * across;
                let value = row(top) * (1.0 - down) + row(bottom) * down;
                // The offset keeps whole numbers that rounding lowered a little from being truncated.
                out[c * area + y * width + x] = (value + 1e-6) as u8;
            }
        }
    }
    image.replace(out);
}

/// The two pixels whose middles are around a place, and its share of the way from the first to the second.
fn neighbours(place: f64, extent: usize) -> (usize, usize, f64) {
    let place = place - 0.5;
    let first = place.floor();
    let last = extent - 1;
    ((first.max(0.0) as usize).min(last), ((first + 1.0) as usize).min(last), place - first)
}
