//! The convolution and its input gradient as a correlation, cut into tasks.

use pulp::Arch;
use rayon::prelude::*;

use super::planes::{Grid, Planes, forward_grid, input_grad_grids};
use super::tile::Task;
use super::{LANES, PlaneMoments, Shared, TILE, Wanted, with_buffers};
use crate::Args;
use crate::kernels::Conv2dShape;
use crate::kernels::prologue::Prologue;

/// A correlation of every image with a set of weights.
#[derive(Clone, Debug)]
pub(in crate::kernels) struct Correlation {
    pub(super) batch: usize,
    pub(super) groups: usize,
    /// Channels per group of the source and the output.
    pub(super) inner: usize,
    pub(super) outer: usize,
    pub(super) output: [usize; 2],
    pub(super) planes: Planes,
    pub(super) grids: Vec<Grid>,
    /// For every grid and (source channel, tap): the offset in the planes.
    pub(super) offsets: Vec<Vec<usize>>,
    /// Weight strides of output and source channel.
    weight: [usize; 2],
    area: usize,
    /// Images handled together, so that small ones fill whole vectors.
    images: usize,
}

impl Correlation {
    pub fn forward(shape: &Conv2dShape) -> Correlation {
        let shape = &shape.flat();
        let (planes, grid) = forward_grid(shape);
        let (inner, outer) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
        let area = shape.kernel[0] * shape.kernel[1];
        Correlation::new(shape, [inner, outer], shape.output(), (planes, vec![grid]), [inner * area, area])
    }

    pub fn input_grad(shape: &Conv2dShape) -> Correlation {
        let shape = &shape.flat();
        let (inner, outer) = (shape.out_channels / shape.groups, shape.in_channels / shape.groups);
        let area = shape.kernel[0] * shape.kernel[1];
        Correlation::new(shape, [inner, outer], shape.input, input_grad_grids(shape), [area, outer * area])
    }

    fn new(
        shape: &Conv2dShape,
        [inner, outer]: [usize; 2],
        output: [usize; 2],
        (planes, grids): (Planes, Vec<Grid>),
        weight: [usize; 2],
    ) -> Correlation {
        let area = shape.kernel[0] * shape.kernel[1];
        let images = images_together(shape.batch, grids[0].rows * grids[0].cols, grids[0].cols);
        let (batch, groups) = (shape.batch, shape.groups);
        let offsets = |g: &Grid| -> Vec<usize> {
            (0..inner)
                .flat_map(|c| g.taps.iter().map(move |t| (c, t.1)))
                .map(|(c, at)| c * planes.len() + at)
                .collect()
        };
        let offsets = grids.iter().map(offsets).collect();
        Correlation { batch, groups, inner, outer, output, planes, grids, offsets, weight, area, images }
    }

    /// Output channels of a block of packed weights.
    pub(super) fn block(&self) -> usize {
        match self.outer {
            1 => 1,
            2..=4 => 4,
            _ => 8,
        }
    }

    pub(super) fn blocks(&self) -> usize {
        self.outer.div_ceil(self.block())
    }

    /// Whether rows are whole vectors.
    fn direct(&self) -> bool {
        self.grids.iter().all(|g| g.cols.is_multiple_of(LANES))
    }

    /// Floats of the packed weights.
    pub fn packed(&self) -> usize {
        self.groups * self.blocks() * self.block() * self.inner * self.area
    }

    /// Packs `w` as `packed[grid][group][block][k][row]`; rows beyond the channels are 0.
    fn pack(&self, w: &[f32], packed: &mut [f32]) {
        let (block, blocks) = (self.block(), self.blocks());
        let mut rest = packed;
        for grid in self.grids.iter().filter(|g| !g.taps.is_empty()) {
            let k = self.inner * grid.taps.len();
            let part;
            (part, rest) = rest.split_at_mut(self.groups * blocks * k * block);
            part.par_chunks_exact_mut(k * block).enumerate().for_each(|(i, out)| {
                let (group, first) = (i / blocks, i % blocks * block);
                let w = &w[group * self.outer * self.inner * self.area..];
                for row in 0..block {
                    if first + row >= self.outer {
                        out.iter_mut().skip(row).step_by(block).for_each(|o| *o = 0.0);
                        continue;
                    }
                    let mut out = out.iter_mut().skip(row).step_by(block);
                    for c in 0..self.inner {
                        let w = &w[(first + row) * self.weight[0] + c * self.weight[1]..][..self.area];
                        grid.taps.iter().zip(&mut out).for_each(|(&(tap, _), o)| *o = w[tap]);
                    }
                }
            });
        }
    }

    /// Arguments: as [`Engine::run`](super::Engine::run).
    pub fn run(&self, source: &Prologue, args: &Args, moments: Option<Wanted>) {
        let (x, next) = (&source.bind(args, 0), source.arity());
        let (y, packed): (&mut [f32], &mut [f32]) = (args.write(next + 1), args.write(args.len() - 1));
        self.pack(args.read(next), packed);
        let packed = &*packed;
        let sets = self.batch.div_ceil(self.images);
        let units = if self.groups > 1 { self.groups } else { self.blocks() };
        let parts = if sets >= 16 { 1 } else { 16usize.div_ceil(sets).min(units) };
        let longest = self.offsets.iter().map(Vec::len).max().unwrap_or(0);
        let copy = if self.planes.is_input() && self.direct() && source.is_plain() {
            0
        } else {
            self.images * self.inner * self.planes.len()
        };
        let panel = if self.direct() { 0 } else { longest * TILE };
        let sizes = [copy, panel, 0];
        let y = Shared(y.as_mut_ptr());
        let (pixels, channels) = (self.output[0] * self.output[1], self.groups * self.outer);
        let moments = PlaneMoments::new(y, moments, pixels, channels);
        (0..sets * parts).into_par_iter().for_each(|i| {
            let (set, part) = (i / parts, i % parts);
            let range = |n: usize| part * n / parts..(part + 1) * n / parts;
            let (groups, blocks) = match self.groups {
                1 => (0..1, range(self.blocks())),
                _ => (range(self.groups), 0..self.blocks()),
            };
            let first = set * self.images;
            let images = first..(first + self.images).min(self.batch);
            let x = x.reader();
            with_buffers(sizes, |[copy, panel, _]| {
                let (images, groups, blocks) = (images.clone(), groups.clone(), blocks.clone());
                Arch::new().dispatch(Task { of: self, x, packed, y, images, groups, blocks, copy, panel });
            });
            if let Some(moments) = &moments {
                let rows = blocks.start * self.block()..(blocks.end * self.block()).min(self.outer);
                for group in groups {
                    let channels = group * self.outer + rows.start..group * self.outer + rows.end;
                    // SAFETY: the task has just computed these planes.
                    unsafe { moments.take(images.clone(), channels) };
                }
            }
        });
    }
}

/// How many images of `pixels` pixels fill vectors best; direct tiles need no more than one.
fn images_together(batch: usize, pixels: usize, cols: usize) -> usize {
    if cols.is_multiple_of(LANES) {
        return 1;
    }
    let pixels = pixels.max(1);
    let waste = |n: usize| ((n * pixels).next_multiple_of(LANES) * 1000 / (n * pixels)).max(1050);
    (1..=16.min(batch.div_ceil(16))).min_by_key(|&n| (waste(n), n)).unwrap_or(1)
}
