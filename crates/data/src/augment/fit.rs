//! Brings images of any sizes to one size.

use super::RandomResizedCrop;
use super::resize::{Interleaved, Taps, resize};
use crate::draws::Draws;

/// How a [`Loader`](crate::Loader) brings images of any sizes to one size: bilinear with antialiasing, equal to torchvision's transforms of
/// Pillow's images to the byte. Sizes are `[height, width]` in pixels.
///
/// ```
/// use data::{Augment, Fit, LoaderOptions, Normalize};
/// let train = LoaderOptions {
///     fit: Some(Fit::random(224)),
///     augment: vec![Augment::horizontal_flip()],
///     ..LoaderOptions::train(64, Normalize::imagenet())
/// };
/// let test = LoaderOptions { fit: Some(Fit::center(256, 224)), ..LoaderOptions::eval(64, Normalize::imagenet()) };
/// assert_eq!((train.fit.unwrap().size(), test.fit.unwrap().size()), ([224, 224], [224, 224]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fit {
    /// A random part of the image, resized: torchvision's `RandomResizedCrop(size)`, for training.
    RandomResizedCrop {
        /// Rows and columns of the result.
        size: [usize; 2],
        /// The shares of the area and the ratios to choose from.
        crop: RandomResizedCrop,
    },
    /// The shorter side is resized to `resize` pixels, and the middle is cut out: torchvision's `Resize(resize)` and
    /// `CenterCrop(crop)`, for measuring. `crop` is at most `resize`.
    CenterCrop {
        /// The shorter side after resizing, in pixels.
        resize: usize,
        /// Rows and columns of the result.
        crop: [usize; 2],
    },
    /// The whole image is resized, whatever its ratio: torchvision's `Resize([height, width])`.
    Resize {
        /// Rows and columns of the result.
        size: [usize; 2],
    },
}

/// The longest side of a result.
const MAX_SIDE: usize = 8192;

impl Fit {
    /// [`Fit::RandomResizedCrop`] to squares, with the default scales and ratios.
    pub fn random(size: usize) -> Fit {
        Fit::RandomResizedCrop { size: [size; 2], crop: RandomResizedCrop::default() }
    }

    /// [`Fit::CenterCrop`] to squares.
    pub fn center(resize: usize, crop: usize) -> Fit {
        Fit::CenterCrop { resize, crop: [crop; 2] }
    }

    /// The size of all results.
    pub fn size(&self) -> [usize; 2] {
        match *self {
            Fit::RandomResizedCrop { size, .. } | Fit::Resize { size } => size,
            Fit::CenterCrop { crop, .. } => crop,
        }
    }

    /// What is wrong with this, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        let [height, width] = self.size();
        let sides = 1..=MAX_SIDE;
        if !sides.contains(&height) || !sides.contains(&width) {
            return Some(format!("{self:?} needs sides from 1 to {MAX_SIDE}"));
        }
        match self {
            Fit::RandomResizedCrop { crop, .. } => crop.problem(),
            Fit::CenterCrop { resize, .. } => {
                (height.max(width) > *resize || *resize > MAX_SIDE).then(|| {
                    format!("{self:?} needs a crop of at most `resize`, and a `resize` of at most {MAX_SIDE}")
                })
            }
            Fit::Resize { .. } => None,
        }
    }

    /// The result `[C, height, width]` of an image with `rows` and `columns`.
    pub(crate) fn apply(&self, source: &Pixels<'_>, draws: &mut Draws) -> Vec<u8> {
        let [channels, rows, columns] = source.shape();
        let [height, width] = self.size();
        let whole = [0, 0, rows, columns];
        let ([top, left, part_rows, part_columns], full) = match self {
            Fit::RandomResizedCrop { crop, .. } => (crop.part([rows, columns], draws), [height, width]),
            Fit::CenterCrop { resize, .. } => (whole, shorter_to([rows, columns], *resize)),
            Fit::Resize { .. } => (whole, [height, width]),
        };
        let middle = |full, crop| {
            let start = half_even(full - crop);
            start..start + crop
        };
        let down = Taps::new(part_rows, full[0], middle(full[0], height));
        let across = Taps::new(part_columns, full[1], middle(full[1], width));
        let (place, taps) = ([top, left], [&down, &across]);
        let mut out = vec![0; channels * height * width];
        match *source {
            Pixels::Rgb { pixels, .. } => {
                resize(Interleaved::<3> { pixels, stride: 3 * columns }, place, taps, &mut out);
            }
            Pixels::Planes { pixels, .. } => {
                let planes = pixels.chunks_exact(rows * columns).zip(out.chunks_exact_mut(height * width));
                for (pixels, out) in planes {
                    resize(Interleaved::<1> { pixels, stride: columns }, place, taps, out);
                }
            }
        }
        out
    }
}

/// An image's bytes.
pub(crate) enum Pixels<'a> {
    /// `[H, W, 3]`, and one byte more: a decoded picture.
    #[cfg_attr(not(feature = "images"), expect(dead_code))]
    Rgb { pixels: &'a [u8], size: [usize; 2] },
    /// `[C, H, W]`
    Planes { pixels: &'a [u8], shape: [usize; 3] },
}

impl Pixels<'_> {
    /// `[C, H, W]`
    pub(crate) fn shape(&self) -> [usize; 3] {
        match *self {
            Pixels::Rgb { size: [height, width], .. } => [3, height, width],
            Pixels::Planes { shape, .. } => shape,
        }
    }
}

/// The size whose shorter side has `shorter` pixels, and whose longer side is rounded down.
pub(crate) fn shorter_to([rows, columns]: [usize; 2], shorter: usize) -> [usize; 2] {
    let longer = shorter * rows.max(columns) / rows.min(columns);
    if rows <= columns { [shorter, longer] } else { [longer, shorter] }
}

/// Half of `n`, rounded to an even number as Python's `round` does.
fn half_even(n: usize) -> usize {
    n / 2 + usize::from(n % 4 == 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn list<const N: usize>(value: &Value) -> [f64; N] {
        std::array::from_fn(|i| value[i].as_f64().unwrap())
    }

    fn bytes(value: &Value) -> Vec<u8> {
        value.as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as u8).collect()
    }

    /// `[H, W, 3]` as `[3, H, W]`.
    fn planes(pixels: &[u8]) -> Vec<u8> {
        (0..3).flat_map(|c| pixels.iter().skip(c).step_by(3).copied()).collect()
    }

    fn recorded() -> Value {
        serde_json::from_str(include_str!("../../tests/fixtures/fit.json")).unwrap()
    }

    #[test]
    fn images_are_torchvisions_to_the_byte() {
        let recorded = recorded();
        let cases = recorded["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 20);
        for case in cases {
            let given = &recorded["inputs"][case["image"].as_u64().unwrap() as usize];
            let [rows, columns] = list::<2>(&given["size"]).map(|side| side as usize);
            let mut rgb = bytes(&given["pixels"]);
            let planar = planes(&rgb);
            rgb.push(0);
            let size @ [height, width] = list::<2>(&case["size"]).map(|side| side as usize);
            let fit = match case["fit"].as_str().unwrap() {
                "center" => Fit::CenterCrop { resize: case["resize"].as_u64().unwrap() as usize, crop: size },
                "resize" => Fit::Resize { size },
                _ => {
                    let [top, left, part_rows, part_columns] = list::<4>(&case["part"]).map(|x| x as usize);
                    let taps =
                        [Taps::new(part_rows, height, 0..height), Taps::new(part_columns, width, 0..width)];
                    let source = Interleaved::<3> { pixels: &rgb, stride: 3 * columns };
                    let mut out = vec![0; 3 * height * width];
                    resize(source, [top, left], taps.each_ref(), &mut out);
                    assert_eq!(out, planes(&bytes(&case["result"])), "{}", case["part"]);
                    continue;
                }
            };
            let expected = planes(&bytes(&case["result"]));
            for source in [
                Pixels::Rgb { pixels: &rgb, size: [rows, columns] },
                Pixels::Planes { pixels: &planar, shape: [3, rows, columns] },
            ] {
                assert_eq!(fit.apply(&source, &mut Draws::new(0, 0, 0)), expected, "{fit:?}");
            }
        }
    }

    /// Within five standard errors of the difference of two samples of 20,000.
    #[test]
    fn random_parts_are_distributed_as_torchvisions() {
        for drawn in recorded()["drawn"].as_array().unwrap() {
            let size = list::<2>(&drawn["size"]).map(|side| side as usize);
            let (mean, deviation) = (list::<4>(&drawn["mean"]), list::<4>(&drawn["std"]));
            let part = |i| RandomResizedCrop::default().part(size, &mut Draws::new(3, 0, i));
            let parts: Vec<[usize; 4]> = (0..20_000).map(part).collect();
            for k in 0..4 {
                let count = parts.len() as f64;
                let found = parts.iter().map(|part| part[k] as f64).sum::<f64>() / count;
                let square = parts.iter().map(|part| (part[k] as f64 - found).powi(2)).sum::<f64>() / count;
                assert!((found - mean[k]).abs() < deviation[k] * 5.0 / 100.0, "{k}: {found} {mean:?}");
                assert!((square.sqrt() / deviation[k] - 1.0).abs() < 0.03, "{k}: {square} {deviation:?}");
            }
        }
    }

    #[test]
    fn halves_are_rounded_to_even_numbers() {
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7].map(half_even), [0, 0, 1, 2, 2, 2, 3, 4]);
    }
}
