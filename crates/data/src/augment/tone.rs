//! Changes of bytes by their value alone, by tables: fixed, or made from a channel's histogram as in Pillow's `ImageOps`.

use super::Image;

pub(super) type Table = [u8; 256];

/// Looks every byte up.
pub(super) fn map(image: &mut Image, table: Table) {
    image.pixels_mut().iter_mut().for_each(|p| *p = table[usize::from(*p)]);
}

/// Looks every byte up in a table that `table` makes from the histogram of its channel.
pub(super) fn map_each(image: &mut Image, table: impl Fn(&[usize; 256]) -> Table) {
    for plane in image.planes_mut() {
        let mut histogram = [0; 256];
        plane.iter().for_each(|&p| histogram[usize::from(p)] += 1);
        let table = table(&histogram);
        plane.iter_mut().for_each(|p| *p = table[usize::from(*p)]);
    }
}

pub(super) fn posterize(bits: u8) -> Table {
    let cleared = 8 - bits.min(8);
    std::array::from_fn(|p| ((p >> cleared) << cleared) as u8)
}

pub(super) fn solarize(threshold: u16) -> Table {
    std::array::from_fn(|p| if p < usize::from(threshold) { p as u8 } else { 255 - p as u8 })
}

pub(super) fn auto_contrast(histogram: &[usize; 256]) -> Table {
    let used = || histogram.iter().enumerate().filter(|(_, n)| **n > 0).map(|(p, _)| p);
    let (low, high) = (used().next().unwrap_or(0), used().next_back().unwrap_or(0));
    if high <= low {
        return identity();
    }
    let scale = 255.0 / (high - low) as f64;
    let offset = -(low as f64) * scale;
    std::array::from_fn(|p| (p as f64 * scale + offset) as u8)
}

pub(super) fn equalize(histogram: &[usize; 256]) -> Table {
    let last = histogram.iter().rfind(|n| **n > 0).copied().unwrap_or(0);
    let step = (histogram.iter().sum::<usize>() - last) / 255;
    if step == 0 {
        return identity();
    }
    let mut below = step / 2;
    std::array::from_fn(|p| {
        let level = below / step;
        below += histogram[p];
        level.min(255) as u8
    })
}

fn identity() -> Table {
    std::array::from_fn(|p| p as u8)
}
