//! Features of regions by bilinear interpolation.

use autograd::Tensor;
use data::Corners;

/// How [`roi_align`] reads regions, with torchvision's names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoiAlign {
    /// Rows and columns of bins per region.
    pub output: [usize; 2],
    /// Cells of the feature map per pixel of the image: 1 / stride.
    pub scale: f32,
    /// Sampling points per side of a bin; the bin is their mean.
    pub sampling: usize,
    /// Whether coordinates are shifted by half a cell, so that values lie at the centres of cells; the first version of Mask R-CNN did not
    /// shift.
    pub aligned: bool,
}

/// Features of `regions`, each given by an image index and corners, as `[regions, C, rows, columns]`: the mean of bilinearly interpolated
/// points in every bin (He et al. 2017, `torchvision.ops.roi_align`), differentiable with respect to the features `[N, C, H, W]`. Points
/// more than a cell outside the map are 0.
///
/// Interpolation is linear and separable: each region has one weight matrix for the rows and one for the columns.
///
/// ```
/// use autograd::{Device, Tensor};
/// use methods::detection::{RoiAlign, roi_align};
/// let device = Device::named("cpu")?;
/// let features = Tensor::constant(&device, &[0.0f32, 1.0, 10.0, 11.0], &[1, 1, 2, 2]);
/// let options = RoiAlign { output: [1, 1], scale: 1.0, sampling: 1, aligned: true };
/// // The centre of the region is (0.75, 1), and the centres of the cells are at 0.5 and 1.5.
/// let y = roi_align(&features, &[(0, [0.5, 0.5, 1.0, 1.5])], options);
/// assert_eq!(y.to_vec::<f32>()?, [5.25]);
/// # Ok::<(), autograd::Error>(())
/// ```
///
/// # Panics
/// When the features are not `[N, C, H, W]`, there are no regions, or the image index of one is out of range.
#[track_caller]
pub fn roi_align(features: &Tensor, regions: &[(usize, Corners)], options: RoiAlign) -> Tensor {
    let maps = of_images(features, regions);
    let [_, c, h, w] = [0, 1, 2, 3].map(|d| maps.shape()[d]);
    let RoiAlign { output: [rows, columns], sampling, .. } = options;
    let matrix = |bins: usize, cells: usize, axis: usize| {
        let weights = regions.iter().flat_map(|(_, corners)| {
            let ends = [corners[axis], corners[axis + 2]].map(|end| ends(end, options));
            weights(ends, bins, cells, sampling, options.aligned)
        });
        let weights: Vec<f32> = weights.collect();
        Tensor::constant(features.device(), &weights, &[regions.len(), bins, cells])
    };
    let across = maps.reshape(&[regions.len(), c * h, w]).matmul(&matrix(columns, w, 0).transpose(1, 2));
    let down = matrix(rows, h, 1).unsqueeze(1);
    down.matmul(&across.reshape(&[regions.len(), c, h, columns]))
}

/// The feature map of each region's image, `[regions, C, H, W]`.
#[track_caller]
pub(super) fn of_images(features: &Tensor, regions: &[(usize, Corners)]) -> Tensor {
    let shape = features.shape();
    let fits = shape.len() == 4 && !regions.is_empty() && regions.iter().all(|(image, _)| *image < shape[0]);
    assert!(fits, "regions: {} of features {shape:?}, not of images [N, C, H, W]", regions.len());
    let images: Vec<i32> = regions.iter().map(|(image, _)| *image as i32).collect();
    features.index_select(0, &Tensor::constant(features.device(), &images, &[images.len()]))
}

fn ends(end: f32, options: RoiAlign) -> f64 {
    f64::from(end) * f64::from(options.scale) - if options.aligned { 0.5 } else { 0.0 }
}

/// The weight of each of `cells` in each of `bins` from `low` to `high`, `[bins, cells]`.
fn weights([low, high]: [f64; 2], bins: usize, cells: usize, sampling: usize, aligned: bool) -> Vec<f32> {
    // Without alignment, regions are at least one cell wide.
    let length = if aligned { high - low } else { (high - low).max(1.0) };
    let step = length / bins as f64;
    let mut weights = vec![0f32; bins * cells];
    for (bin, row) in weights.chunks_exact_mut(cells).enumerate() {
        for point in 0..sampling {
            let at = low + (bin as f64 + (point as f64 + 0.5) / sampling as f64) * step;
            if at < -1.0 || at > cells as f64 {
                continue;
            }
            let at = at.clamp(0.0, (cells - 1) as f64);
            let (below, share) = (at.floor() as usize, at - at.floor());
            row[below] += ((1.0 - share) / sampling as f64) as f32;
            row[(below + 1).min(cells - 1)] += (share / sampling as f64) as f32;
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use autograd::Device;

    use super::*;

    /// The value at a point, directly from the definition.
    fn bilinear(map: &[f32], [h, w]: [usize; 2], y: f64, x: f64) -> f64 {
        if y < -1.0 || y > h as f64 || x < -1.0 || x > w as f64 {
            return 0.0;
        }
        let (y, x) = (y.clamp(0.0, (h - 1) as f64), x.clamp(0.0, (w - 1) as f64));
        let (y0, x0) = (y.floor() as usize, x.floor() as usize);
        let (y1, x1, ly, lx) = ((y0 + 1).min(h - 1), (x0 + 1).min(w - 1), y - y.floor(), x - x.floor());
        let at = |y: usize, x: usize| f64::from(map[y * w + x]);
        let above = at(y0, x0) * (1.0 - lx) + at(y0, x1) * lx;
        above * (1.0 - ly) + (at(y1, x0) * (1.0 - lx) + at(y1, x1) * lx) * ly
    }

    #[test]
    fn every_bin_is_the_mean_of_its_points() {
        let device = Device::named("cpu").unwrap();
        let (n, c, h, w) = (2, 3, 5, 7);
        let values: Vec<f32> = (0..n * c * h * w).map(|i| ((i * 37) % 23) as f32 / 7.0 - 1.0).collect();
        let features = Tensor::from_slice(&device, &values, &[n, c, h, w]).unwrap();
        let regions = [(1, [3.0, 2.0, 21.0, 17.0]), (0, [-9.0, 1.0, 40.0, 12.5]), (1, [8.0, 8.0, 8.5, 9.0])];
        for aligned in [true, false] {
            let options = RoiAlign { output: [3, 2], scale: 0.25, sampling: 2, aligned };
            let found = roi_align(&features, &regions, options).to_vec::<f32>().unwrap();
            let mut at = found.iter();
            for (image, corners) in regions {
                let shift = if aligned { 0.5 } else { 0.0 };
                let [left, top, right, bottom] = corners.map(|v| f64::from(v) * 0.25 - shift);
                let least = if aligned { 0.0 } else { 1.0 };
                let (bin_h, bin_w) = ((bottom - top).max(least) / 3.0, (right - left).max(least) / 2.0);
                for channel in 0..c {
                    let map = &values[(image * c + channel) * h * w..][..h * w];
                    for bin in 0..6 {
                        let (row, column) = ((bin / 2) as f64, (bin % 2) as f64);
                        let points = [(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)];
                        let value = |(v, u): (f64, f64)| {
                            bilinear(map, [h, w], top + (row + v) * bin_h, left + (column + u) * bin_w)
                        };
                        let want = points.into_iter().map(value).sum::<f64>() / 4.0;
                        let found = f64::from(*at.next().unwrap());
                        assert!((found - want).abs() < 1e-5, "{corners:?} bin {bin}: {found}, not {want}");
                    }
                }
            }
        }
    }

    #[test]
    fn gradients_are_the_weights_of_the_cells() {
        let device = Device::named("cpu").unwrap();
        let features = Tensor::ones(&device, &[1, 1, 4, 4]).variable();
        let options = RoiAlign { output: [2, 2], scale: 1.0, sampling: 2, aligned: true };
        let y = roi_align(&features, &[(0, [0.0, 0.0, 4.0, 4.0])], options);
        let gradient = autograd::grad(&y.sum_all(), &[&features]).remove(0).unwrap().to_vec::<f32>().unwrap();
        // The points are the centres of the 16 cells, each a quarter of a bin.
        assert_eq!(gradient, [0.25; 16]);
    }
}
