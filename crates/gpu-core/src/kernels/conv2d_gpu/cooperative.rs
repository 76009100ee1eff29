//! Where convolutions are computed by cooperative matrices, and by which tiles.

use super::{PHASES, RowWeightGrad, WORKGROUPS};
use crate::kernels::conv2d::Conv2dShape;
use crate::kernels::cooperative_tile::CooperativeTile;
use crate::tune::{Cooperative, GpuFamily, GpuProfile};

/// Fewest channels per group of source and output for which they pay: staging costs more than the products of fewer.
const CHANNELS: usize = 16;
/// Subgroups that a large GPU needs at least.
const SUBGROUPS: usize = 2 * WORKGROUPS;

/// Tiles of the convolution of halves or, with `transposed`, its input gradient, the expected best first; `None` where other forms are
/// expected to be faster. All of them add up, and reduce channels, in the same order.
pub(super) fn correlations(
    shape: &Conv2dShape,
    transposed: bool,
    gpu: &GpuProfile,
) -> Option<[CooperativeTile; SIZES]> {
    let matrices = gpu.cooperative.filter(|_| gpu.family != GpuFamily::Software)?;
    let [mut inner, mut outer] = [shape.in_channels, shape.out_channels].map(|c| c / shape.groups);
    let ([h, w], [down, along]) = match transposed {
        true => (shape.input, shape.stride),
        false => (shape.output(), [1, 1]),
    };
    if transposed {
        std::mem::swap(&mut inner, &mut outer);
    }
    if inner.min(outer) < CHANNELS || down * along > PHASES || shape.macs() == 0 {
        return None;
    }
    let pixels = shape.batch.next_power_of_two() * h.div_ceil(down) * w.div_ceil(along);
    Some(tiles(matrices, shape.groups, outer, pixels))
}

/// Number of tiles.
const SIZES: usize = 7;

/// All tiles, large ones first: the larger a subgroup's part, the less of workgroup memory it reads for a product. Parts are equally wide, so
/// that channels are reduced in the same order.
fn sizes(matrices: Cooperative) -> [CooperativeTile; SIZES] {
    let side = 4 * matrices.size;
    let tile = |rows, cols, parts| CooperativeTile { rows, cols, parts, matrices };
    [
        tile(2 * side, 2 * side, [2, 2]),
        tile(side, 2 * side, [1, 2]),
        tile(2 * side, side, [2, 1]),
        tile(side, side, [1, 1]),
        tile(side, side, [2, 1]),
        tile(side / 2, side, [1, 1]),
        tile(side / 4, side, [1, 1]),
    ]
}

/// Tiles of `groups` products of that many rows and columns: the largest with full rows and enough workgroups for a large GPU first.
fn tiles(matrices: Cooperative, groups: usize, rows: usize, cols: usize) -> [CooperativeTile; SIZES] {
    let mut all = sizes(matrices);
    let suits = |tile: &CooperativeTile| {
        let tiles = groups * rows.div_ceil(tile.rows) * cols.div_ceil(tile.cols);
        tile.rows <= rows && tiles >= WORKGROUPS && tiles * tile.parts.iter().product::<usize>() >= SUBGROUPS
    };
    let small = |tile: &CooperativeTile| tile.rows <= rows.min(2 * matrices.size);
    let first = all.iter().position(suits).or_else(|| all.iter().position(small));
    all.swap(0, first.unwrap_or(SIZES - 1));
    all
}

/// Tiles of the weight gradient of halves, as for the convolution.
pub(super) fn weight_gradients(shape: &Conv2dShape, gpu: &GpuProfile) -> Option<[CooperativeTile; SIZES]> {
    let matrices = gpu.cooperative.filter(|_| gpu.family != GpuFamily::Software)?;
    let channels = shape.in_channels.min(shape.out_channels) / shape.groups;
    if channels < CHANNELS || (channels < 32 && RowWeightGrad::suits(shape)) || shape.macs() == 0 {
        return None;
    }
    Some(weight_tiles(shape, matrices))
}

/// Tiles of the weight gradient, the expected best first: the largest whose rows are output channels and whose columns are input channels.
pub(super) fn weight_tiles(shape: &Conv2dShape, matrices: Cooperative) -> [CooperativeTile; SIZES] {
    let [inner, outer] = [shape.in_channels, shape.out_channels].map(|c| c / shape.groups);
    let mut all = sizes(matrices);
    let fits = |tile: &CooperativeTile| tile.rows <= outer && tile.cols <= inner;
    let full = |tile: &CooperativeTile| tile.rows <= outer;
    let first = all.iter().position(fits).or_else(|| all.iter().position(full));
    all.swap(0, first.unwrap_or(SIZES - 1));
    all
}
