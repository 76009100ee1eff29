//! Brightness, contrast, saturation, sharpness and hue, as Pillow's `ImageEnhance` and Python's `colorsys` have them.

use super::Image;

/// `from + factor * (to - from)`, truncated to a byte.
fn blend(from: u8, to: u8, factor: f32) -> u8 {
    // The cast truncates, and saturates at 0 and 255.
    (f32::from(from) + factor * (f32::from(to) - f32::from(from))) as u8
}

/// ITU-R 601-2 luma in fixed point.
fn luma(r: u8, g: u8, b: u8) -> u8 {
    ((u32::from(r) * 19595 + u32::from(g) * 38470 + u32::from(b) * 7471 + 0x8000) >> 16) as u8
}

pub(super) fn brightness(image: &mut Image, factor: f32) {
    image.pixels_mut().iter_mut().for_each(|p| *p = blend(0, *p, factor));
}

pub(super) fn contrast(image: &mut Image, factor: f32) {
    let [_, height, width] = image.shape();
    let (sum, count): (u64, usize) = match image.rgb_mut() {
        Some([r, g, b]) => {
            let grey = r.iter().zip(&*g).zip(&*b).map(|((&r, &g), &b)| u64::from(luma(r, g, b)));
            (grey.sum(), height * width)
        }
        None => {
            let pixels = image.pixels();
            (pixels.iter().map(|&p| u64::from(p)).sum(), pixels.len())
        }
    };
    let mean = (sum as f64 / count.max(1) as f64 + 0.5) as u8;
    image.pixels_mut().iter_mut().for_each(|p| *p = blend(mean, *p, factor));
}

pub(super) fn saturation(image: &mut Image, factor: f32) {
    let Some([r, g, b]) = image.rgb_mut() else { return };
    for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
        let grey = luma(*r, *g, *b);
        [r, g, b].into_iter().for_each(|p| *p = blend(grey, *p, factor));
    }
}

pub(super) fn sharpness(image: &mut Image, factor: f32) {
    let [_, height, width] = image.shape();
    let mut smooth = vec![0; height * width];
    for plane in image.planes_mut() {
        smooth.copy_from_slice(plane);
        for y in 1..height.saturating_sub(1) {
            for x in 1..width.saturating_sub(1) {
                let rows = [y - 1, y, y + 1].map(|y| &plane[y * width + x - 1..][..3]);
                let sum: u32 = rows.iter().flat_map(|row| *row).map(|&p| u32::from(p)).sum();
                let sum = sum + 4 * u32::from(plane[y * width + x]);
                // Rounded to nearest: 13 is odd, so that there are no halves.
                smooth[y * width + x] = ((2 * sum + 13) / 26) as u8;
            }
        }
        plane.iter_mut().zip(&smooth).for_each(|(p, &s)| *p = blend(s, *p, factor));
    }
}

pub(super) fn hue(image: &mut Image, turn: f32) {
    let Some([r, g, b]) = image.rgb_mut() else { return };
    for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
        let [hue, saturation, value] = hsv([*r, *g, *b].map(|p| f32::from(p) / 255.0));
        [*r, *g, *b] =
            rgb([(hue + turn).rem_euclid(1.0), saturation, value]).map(|p| (p * 255.0).round() as u8);
    }
}

/// Red, green and blue as hue, saturation and value, all in 0..1.
fn hsv([r, g, b]: [f32; 3]) -> [f32; 3] {
    let (max, min) = (r.max(g).max(b), r.min(g).min(b));
    if max == min {
        return [0.0, 0.0, max];
    }
    let [dr, dg, db] = [r, g, b].map(|p| (max - p) / (max - min));
    let sixths = if r == max {
        db - dg
    } else if g == max {
        2.0 + dr - db
    } else {
        4.0 + dg - dr
    };
    [(sixths / 6.0).rem_euclid(1.0), (max - min) / max, max]
}

fn rgb([hue, saturation, value]: [f32; 3]) -> [f32; 3] {
    let sixths = hue * 6.0;
    let (sector, fraction) = (sixths.floor(), sixths.fract());
    let low = value * (1.0 - saturation);
    let falling = value * (1.0 - saturation * fraction);
    let rising = value * (1.0 - saturation * (1.0 - fraction));
    match sector as u8 % 6 {
        0 => [value, rising, low],
        1 => [falling, value, low],
        2 => [low, value, rising],
        3 => [low, falling, value],
        4 => [rising, low, value],
        _ => [value, low, falling],
    }
}
