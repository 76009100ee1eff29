//! Winograd's convolution F(4x4, 3x3) (Lavin and Gray 2015, "Fast algorithms for convolutional neural networks"): a tile of
//! 4x4 outputs is `A^T ((G w G^T) * (B^T x B)) A`, summed over channels between the transformations. That takes 36
//! instead of 144 multiplications per tile and pair of channels, as 36 matrix products.
//!
//! A task handles [`WIDTH`] tiles of all images: it transforms their source to `V [36][channel][tile]`, multiplies by the
//! packed weights `U` to `M [36][output channel][tile]`, and transforms that to the output. All of it is in vectors along
//! tiles and stays in the task's cache.

mod pixels;
mod task;
mod transform;
mod weight_grad;

use std::ops::Range;

use pulp::Arch;
use rayon::prelude::*;

use super::{PlaneMoments, Shared, Wanted, with_buffers};
use crate::Args;
use crate::kernels::Conv2dShape;
use crate::kernels::interpreter::BLOCK;
use crate::kernels::prologue::Prologue;
use crate::kernels::scratch::{ScratchVec, pooled};
use task::Task;
pub(in crate::kernels) use weight_grad::WinogradWeightGrad;

/// Tiles of a task: two of the widest vectors.
const WIDTH: usize = 32;
/// Outputs of a tile along a dimension, and elements of the source that they depend on.
const TILE: usize = 4;
const PATCH: usize = 6;
/// Elements of a transformed tile.
const POINTS: usize = PATCH * PATCH;
/// Output channels of a block of packed weights.
const ROWS: usize = 8;
/// Fewer channels do not pay for the transformations.
const CHANNELS: usize = 32;

/// The convolution or its input gradient.
#[derive(Clone, Debug)]
pub(in crate::kernels) struct Winograd {
    batch: usize,
    /// Channels of the source and the output.
    inner: usize,
    outer: usize,
    source: [usize; 2],
    output: [usize; 2],
    padding: [usize; 2],
    /// Weight strides of output and source channel, and whether kernels are rotated by 180 degrees.
    weight: [usize; 2],
    rotated: bool,
    /// Tiles of an image.
    tiles: [usize; 2],
}

impl Winograd {
    pub fn forward(shape: &Conv2dShape) -> Option<Winograd> {
        let (inner, outer) = (shape.in_channels, shape.out_channels);
        let (source, output) = (shape.input, shape.output());
        Winograd::new(shape, [inner, outer], [source, output], shape.padding, false)
    }

    pub fn input_grad(shape: &Conv2dShape) -> Option<Winograd> {
        let (inner, outer) = (shape.out_channels, shape.in_channels);
        let (source, output) = (shape.output(), shape.input);
        let padding = [2usize.checked_sub(shape.padding[0])?, 2usize.checked_sub(shape.padding[1])?];
        Winograd::new(shape, [inner, outer], [source, output], padding, true)
    }

    /// `None` if Winograd's algorithm cannot be used or does not pay.
    fn new(
        shape: &Conv2dShape,
        [inner, outer]: [usize; 2],
        [source, output]: [[usize; 2]; 2],
        padding: [usize; 2],
        rotated: bool,
    ) -> Option<Winograd> {
        let simple = shape.kernel == [3, 3] && shape.stride == [1, 1] && shape.dilation == [1, 1];
        let tiles = output.map(|n| n.div_ceil(TILE));
        let filled = 2 * output[0] * output[1] >= TILE * TILE * tiles[0] * tiles[1];
        let pays = inner.min(outer) >= CHANNELS && filled;
        let weight = if rotated { [9, outer * 9] } else { [inner * 9, 9] };
        let batch = shape.batch;
        let it = Winograd { batch, inner, outer, source, output, padding, weight, rotated, tiles };
        (simple && shape.groups == 1 && pays).then_some(it)
    }

    /// Blocks of output channels.
    fn blocks(&self) -> usize {
        self.outer.div_ceil(ROWS)
    }

    /// Floats of the transformed weights.
    pub fn packed(&self) -> usize {
        self.blocks() * POINTS * self.inner * ROWS
    }

    /// Floats from one point of `V` to the next; a cache line more than a power of two.
    fn v_stride(&self) -> usize {
        self.inner * WIDTH + 16
    }

    /// Arguments: as [`Engine::run`](super::Engine::run).
    pub fn run(&self, source: &Prologue, args: &Args, moments: Option<Wanted>) {
        let (x, next) = (&source.bind(args, 0), source.arity());
        let (y, packed): (&mut [f32], &mut [f32]) = (args.write(next + 1), args.write(args.len() - 1));
        self.pack(args.read(next), packed);
        let packed = &*packed;
        let tiles = self.batch * self.tiles[0] * self.tiles[1];
        let (sets, threads) = (tiles.div_ceil(WIDTH), rayon::current_num_threads());
        // Output channels are split only if there are too few tiles, because every part transforms the source again.
        let even = |p: &usize| (sets * p).is_multiple_of(threads) || sets * p >= 4 * threads;
        let parts = (1..=self.blocks()).find(even).unwrap_or(self.blocks());
        let m_stride = self.blocks().div_ceil(parts) * ROWS * WIDTH + 16;
        let together = (BLOCK / (self.source[0] * self.source[1])).clamp(1, 16);
        let sizes = [
            POINTS * self.v_stride(),
            POINTS * m_stride,
            together * POINTS * WIDTH + (TILE * self.tiles[0] + 2) * self.pitch(),
        ];
        let y = Shared(y.as_mut_ptr());
        let moments = PlaneMoments::new(y, moments, self.output[0] * self.output[1], self.outer);
        (0..sets * parts).into_par_iter().for_each(|i| {
            let (set, part) = (i / parts, i % parts);
            let blocks = part * self.blocks() / parts..(part + 1) * self.blocks() / parts;
            let tiles = set * WIDTH..((set + 1) * WIDTH).min(tiles);
            let x = x.reader();
            with_buffers(sizes, |[v, m, rest]| {
                let (patches, plane) = rest.split_at_mut(together * POINTS * WIDTH);
                let (tiles, blocks) = (tiles.clone(), blocks.clone());
                let task =
                    Task { of: self, x, packed, y, tiles, blocks, together, v, m, m_stride, patches, plane };
                Arch::new().dispatch(task);
            });
            if let Some(moments) = &moments {
                let area = self.tiles[0] * self.tiles[1];
                let channels = blocks.start * ROWS..(blocks.end * ROWS).min(self.outer);
                // SAFETY: the task has just computed these planes, as its tiles are those of whole images.
                unsafe { moments.take(tiles.start / area..tiles.end / area, channels) };
            }
        });
    }

    /// Whether a task computes the tiles of whole images.
    pub fn whole_planes(&self) -> bool {
        WIDTH.is_multiple_of(self.tiles[0] * self.tiles[1])
    }

    /// Floats of a padded row of the source.
    fn pitch(&self) -> usize {
        TILE * self.tiles[1] + 2
    }

    /// Packs `packed[block][point][source channel][row] = G w G^T`; rows beyond the channels are 0.
    fn pack(&self, w: &[f32], packed: &mut [f32]) {
        packed.par_chunks_exact_mut(POINTS * self.inner * ROWS).enumerate().for_each(|(block, out)| {
            let rows = (self.outer - block * ROWS).min(ROWS);
            for c in 0..self.inner {
                let mut taps = [[0.0; ROWS]; 9];
                for row in 0..rows {
                    let at = (block * ROWS + row) * self.weight[0] + c * self.weight[1];
                    let kernel: &[f32; 9] = w[at..].first_chunk().expect("9 weights");
                    let turn = |tap: usize| if self.rotated { 8 - tap } else { tap };
                    taps.iter_mut().enumerate().for_each(|(tap, rows)| rows[row] = kernel[turn(tap)]);
                }
                for (point, values) in transform::weights(&taps).iter().enumerate() {
                    out[(point * self.inner + c) * ROWS..][..ROWS].copy_from_slice(values);
                }
            }
        });
    }
}

/// Tiles of one image.
struct Segment {
    image: usize,
    tiles: Range<usize>,
    /// The number of the first tile in the task.
    at: usize,
}

pooled!(Segment);

/// Splits tiles of all images, `area` each, by image.
fn segments(area: usize, tiles: Range<usize>) -> ScratchVec<Segment> {
    let mut segments = ScratchVec::empty();
    let mut next = tiles.start;
    while next < tiles.end {
        let (image, first) = (next / area, next % area);
        let count = (area - first).min(tiles.end - next);
        segments.push(Segment { image, tiles: first..first + count, at: next - tiles.start });
        next += count;
    }
    segments
}
