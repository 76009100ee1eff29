//! Features of regions by the maximum of every bin.

use autograd::Tensor;
use data::Corners;

use super::roi_align::of_images;

/// Features of `regions`, each given by an image index and corners, as `[regions, C, rows, columns]`: regions are rounded to cells of the
/// features `[N, C, H, W]` and divided into bins of whole cells; each output is the maximum of a bin, or 0 for a bin outside the map
/// (Girshick 2015, `torchvision.ops.roi_pool`). `scale` is in cells per pixel.
///
/// ```
/// use autograd::{DType, Device, Tensor};
/// use methods::detection::roi_pool;
/// let device = Device::named("cpu")?;
/// let features = Tensor::arange(&device, 16).to(DType::F32).reshape(&[1, 1, 4, 4]);
/// let y = roi_pool(&features, &[(0, [0.0, 0.0, 2.0, 3.0])], [2, 1], 1.0);
/// // Columns 0 to 2 and rows 0 to 3: like torchvision, the last cell is included.
/// assert_eq!(y.to_vec::<f32>()?, [6.0, 14.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the features are not `[N, C, H, W]`, there are no regions, or the image index of one is out of range.
#[track_caller]
pub fn roi_pool(features: &Tensor, regions: &[(usize, Corners)], output: [usize; 2], scale: f32) -> Tensor {
    let maps = of_images(features, regions);
    let mut y = maps;
    // The maximum of a rectangle is separable: along one axis, then the other.
    for axis in [0, 1] {
        let (dim, bins) = (3 - axis, output[1 - axis]);
        let cells = y.shape()[dim];
        let of_region = |(_, corners): &(usize, Corners)| {
            let ends = [corners[axis], corners[axis + 2]].map(|end| (end * scale).round() as i64);
            ranges(ends, bins, cells)
        };
        let ranges: Vec<[usize; 2]> = regions.iter().flat_map(of_region).collect();
        y = largest(&y, dim, &ranges, bins);
    }
    y
}

/// The half-open cell range of each bin.
fn ranges([first, last]: [i64; 2], bins: usize, cells: usize) -> Vec<[usize; 2]> {
    let size = (last - first + 1).max(1) as f64 / bins as f64;
    let inside = |at: f64| (at as i64 + first).clamp(0, cells as i64) as usize;
    (0..bins)
        .map(|bin| [inside((bin as f64 * size).floor()), inside(((bin + 1) as f64 * size).ceil())])
        .collect()
}

/// The maxima of `x [R, C, H, W]` along `dim` over `bins` ranges per region.
fn largest(x: &Tensor, dim: usize, ranges: &[[usize; 2]], bins: usize) -> Tensor {
    let regions = x.shape()[0];
    let width = ranges.iter().map(|[from, to]| to.saturating_sub(*from)).max().unwrap_or(0).max(1);
    // Shorter ranges repeat their last cell; empty ones are masked.
    let cell =
        |&[from, to]: &[usize; 2], i: usize| (from + i).min(to.max(1) - 1).min(x.shape()[dim] - 1) as i32;
    let cells: Vec<i32> = ranges.iter().flat_map(|range| (0..width).map(|i| cell(range, i))).collect();
    let some: Vec<f32> = ranges.iter().map(|[from, to]| f32::from(u8::from(from < to))).collect();
    let mut shape = [regions, 1, 1, 1];
    shape[dim] = bins * width;
    let taken = x.take_along_dim(&Tensor::constant(x.device(), &cells, &shape), dim as isize);
    let mut split = taken.shape().to_vec();
    split[dim] = bins;
    split.insert(dim + 1, width);
    shape[dim] = bins;
    let some = Tensor::constant(x.device(), &some, &shape);
    taken.reshape(&split).amax(&[dim as isize + 1], false) * some
}

#[cfg(test)]
mod tests {
    use autograd::Device;

    use super::*;

    #[test]
    fn every_bin_is_the_largest_of_its_cells() {
        let device = Device::named("cpu").unwrap();
        let (c, h, w) = (2, 6, 5);
        let values: Vec<f32> = (0..c * h * w).map(|i| ((i * 37) % 61) as f32).collect();
        let features = Tensor::from_slice(&device, &values, &[1, c, h, w]).unwrap();
        let regions =
            [(0, [2.0, 2.0, 16.0, 22.0]), (0, [9.0, 3.0, 10.0, 4.0]), (0, [12.0, 16.0, 60.0, 60.0])];
        let found = roi_pool(&features, &regions, [2, 3], 0.25).to_vec::<f32>().unwrap();
        let mut at = found.iter();
        for (_, corners) in regions {
            let [left, top, right, bottom] = corners.map(|v: f32| (v * 0.25).round() as i64);
            let span = |from: i64, to: i64, bin: i64, bins: i64, end: i64| {
                let length = (to - from + 1).max(1);
                let low = bin * length / bins + from;
                let high = ((bin + 1) * length + bins - 1) / bins + from;
                low.clamp(0, end)..high.clamp(0, end)
            };
            for channel in 0..c {
                for (row, column) in (0..6).map(|bin| (bin / 3, bin % 3)) {
                    let mut want = 0f32;
                    for y in span(top, bottom, row, 2, h as i64) {
                        for x in span(left, right, column, 3, w as i64) {
                            want = want.max(values[(channel * h + y as usize) * w + x as usize]);
                        }
                    }
                    assert_eq!(*at.next().unwrap(), want, "{corners:?} row {row} column {column}");
                }
            }
        }
    }
}
