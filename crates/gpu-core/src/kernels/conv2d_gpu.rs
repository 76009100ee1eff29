//! The ways in which a GPU can compute a convolution and its gradients.

mod cooperative;
mod correlate;
mod gather;
mod row_weight_grad;
mod shared;
mod taps;
mod weight_grad;
mod weight_grad_product;
mod winograd;

pub(super) use correlate::Correlate;
pub(super) use gather::Gather;
pub(super) use row_weight_grad::RowWeightGrad;
pub(super) use shared::{correlation, parts};
pub(super) use weight_grad::WeightGradTiles;
pub(super) use weight_grad_product::WeightGradProduct;
pub(super) use winograd::{Winograd, WinogradTiles};

use std::fmt;
use std::sync::Arc;

use super::conv2d::Conv2dShape;
use super::prologue::Prologue;
use super::tile::Tile;
use super::workgroup_tile::WorkgroupTile;
use crate::Kernel;
use crate::tune::{GpuFamily, GpuProfile, Variants};

/// One way to compute a pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Variant {
    /// Tiles in the registers of each invocation, without subgroups or workgroup memory.
    #[default]
    Direct,
    /// Tiles of a subgroup of `lanes` invocations.
    Subgroup(PixelTile),
    /// Tiles of a workgroup.
    Shared(Tile),
    /// Windows over rows of pixels: in the registers of each invocation, and of weight gradients in workgroup memory.
    Rows,
    /// Fewer multiplications, by transformations of tiles: not for weight gradients.
    Winograd(WinogradTiles),
}

/// The tile that a subgroup computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PixelTile {
    pub lanes: usize,
    /// Approximate number of pixels; unused by the weight gradient.
    pub pixels: usize,
    /// Runs of output channels, each with one channel per lane.
    pub runs: usize,
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Variant::Direct => write!(f, "direct"),
            Variant::Subgroup(PixelTile { lanes, pixels, runs }) => {
                write!(f, "subgroup of {lanes}, {pixels} pixels, {runs} runs")
            }
            Variant::Shared(tile) => tile.fmt(f),
            Variant::Rows => write!(f, "rows"),
            Variant::Winograd(_) => write!(f, "winograd"),
        }
    }
}

/// Source channels from which on those of one tap fill slices of a workgroup's tile.
const FEW: usize = 16;

/// Most output phases of an input gradient for which one dispatch per phase pays.
const PHASES: usize = 4;

/// Pixels of the first subgroup tile that is offered, and its most runs of channels. The iterations of all tiles are as long as those of
/// the first.
const FIRST_TILE: [usize; 2] = [32, 2];

/// Variants of the convolution or, with `transposed`, its input gradient. Only the order for software adapters was
/// measured; that for real GPUs is a guess, which the tuner corrects.
///
/// The forms add taps and channels in different orders, and Winograd's algorithm other products, so they never race: the family, the
/// shape, with the batch as in its class, and whether the values of both operands are f16 decide between them. If they are, `halves` says which
/// are stored so.
pub(super) fn correlations(
    shape: &Conv2dShape,
    transposed: bool,
    halves: Option<[bool; 2]>,
    gpu: &GpuProfile,
) -> Vec<Variant> {
    if let Some(tiles) = cooperative::correlations(shape, transposed, gpu)
        && let Some(packed) = halves
    {
        return tiles.map(|tile| Variant::Shared(Tile::Cooperative(tile, packed))).to_vec();
    }
    if let Some(tiles) = Winograd::tiles(shape, transposed, gpu) {
        return vec![Variant::Winograd(tiles)];
    }
    let channels = if transposed { shape.in_channels } else { shape.out_channels } / shape.groups;
    let phases = if transposed { shape.stride[0] * shape.stride[1] } else { 1 };
    if phases > PHASES || channels <= 2 {
        return vec![Variant::Direct];
    }
    let few = if transposed { shape.out_channels } else { shape.in_channels } / shape.groups < FEW;
    let rows = Gather::suits_rows(shape, transposed);
    let lanes = match (gpu.family, gpu.subgroup) {
        (GpuFamily::Software, Some(lanes)) => lanes as usize,
        (GpuFamily::Software, None) => return vec![Variant::Direct],
        _ if few && rows => return vec![Variant::Rows],
        _ if fill(shape, transposed, channels) => return hardware(channels),
        _ if rows => return vec![Variant::Rows],
        _ => return vec![Variant::Direct],
    };
    let tile = |pixels, runs| Variant::Subgroup(PixelTile { lanes, pixels, runs });
    let [pixels, most] = FIRST_TILE;
    match channels.div_ceil(lanes) {
        1 => vec![tile(pixels, 1)],
        2 => vec![tile(pixels, most), tile(16, 2)],
        _ => vec![tile(pixels, most), tile(16, 4)],
    }
}

/// Workgroups that a large GPU needs at least.
const WORKGROUPS: usize = 96;

/// Whether tiles of a workgroup are full, and many enough for a large GPU, at a batch that is rounded as for the class of shapes.
fn fill(shape: &Conv2dShape, transposed: bool, channels: usize) -> bool {
    let tile = workgroup_tiles(channels)[0];
    let [h, w] = if transposed { shape.input } else { shape.output() };
    let pixels = shape.batch.next_power_of_two() * h * w;
    let tiles = shape.groups * channels.div_ceil(tile.rows) * pixels.div_ceil(tile.cols);
    channels >= 128 || (channels >= 64 && tiles >= WORKGROUPS)
}

/// Variants of the weight gradient. As for the convolution, the family, the number of channels, and whether the values of both operands are f16
/// decide between the forms, which split and add the pixels differently.
pub(super) fn weight_gradients(
    shape: &Conv2dShape,
    halves: Option<[bool; 2]>,
    gpu: &GpuProfile,
) -> Vec<Variant> {
    if let Some(tiles) = cooperative::weight_gradients(shape, gpu)
        && let Some(packed) = halves
    {
        return tiles.map(|tile| Variant::Shared(Tile::Cooperative(tile, packed))).to_vec();
    }
    let (inner, outer) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
    if inner.min(outer) <= 2 {
        return vec![Variant::Direct];
    }
    match (gpu.family, gpu.subgroup) {
        (GpuFamily::Software, Some(lanes)) => {
            vec![Variant::Subgroup(PixelTile { lanes: lanes as usize, pixels: 1, runs: 1 })]
        }
        (GpuFamily::Software, None) => vec![Variant::Direct],
        _ if RowWeightGrad::suits(shape) => vec![Variant::Rows],
        _ => hardware(outer),
    }
}

/// Variants for real GPUs, by the number of output channels of a group: with few, most of a workgroup's tile would be empty.
fn hardware(channels: usize) -> Vec<Variant> {
    if channels < 16 {
        return vec![Variant::Direct];
    }
    workgroup_tiles(channels).into_iter().map(|tile| Variant::Shared(Tile::Shared(tile))).collect()
}

/// Tiles of a workgroup, by the number of output channels of a group, the expected best first.
fn workgroup_tiles(channels: usize) -> Vec<WorkgroupTile> {
    let tile = |rows, cols, micro| WorkgroupTile { rows, cols, micro };
    match channels {
        ..64 => vec![tile(32, 64, [4, 8]), tile(32, 64, [4, 4])],
        _ => vec![tile(64, 64, [8, 8]), tile(64, 64, [4, 4]), tile(32, 64, [4, 8])],
    }
}

/// The options of a pass called `name`, in a class of shapes with the batch rounded to a power of two.
pub(super) fn offer<K: Kernel + 'static>(
    name: &str,
    shape: &Conv2dShape,
    operands: &[&Prologue],
    variants: Vec<Variant>,
    make: impl Fn(Variant) -> K,
) -> Variants {
    let plain = if operands.iter().all(|o| o.is_plain()) { "plain" } else { "computed" };
    let rounded = Conv2dShape { batch: shape.batch.next_power_of_two(), ..*shape };
    let class = format!("{name} {rounded}, padding {:?}, {plain}", shape.padding);
    let cooperative = variants.iter().any(|v| matches!(v, Variant::Shared(Tile::Cooperative(..))));
    let option = |variant: Variant| (variant.to_string(), Arc::new(make(variant)) as Arc<dyn Kernel>);
    Variants { class, options: variants.into_iter().map(option).collect(), cooperative }
}
