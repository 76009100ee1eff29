//! The weight gradient by Winograd's algorithm: `dw = G^T (sum over tiles of (A dy A^T) * (B^T x B)) G`, the adjoint of the
//! forward convolution in its weights.
//!
//! Here vectors run along channels: source and output gradient are copied with 16 channels of a pixel side by side, so that
//! a patch is loaded without gathering, and the 36 products sum over tiles.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::pixels::{GROUP, Pixels};
use super::task::product;
use super::{PATCH, POINTS, ROWS, Segment, Shared, TILE, WIDTH, Winograd, segments, transform, with_buffers};
use crate::Args;
use crate::kernels::Conv2dShape;
use crate::kernels::prologue::{Prologue, Reader};

/// Tiles that are transformed before they are multiplied.
const TILES: usize = 64;
/// Floats from one point to the next of the transformed source, gradient and sums; a cache line more than powers of two.
const X_STRIDE: usize = TILES * WIDTH + 16;
const DY_STRIDE: usize = TILES * GROUP + 16;
const SUM_STRIDE: usize = ROWS * WIDTH + 16;
/// Taps of a kernel.
const TAPS: usize = 9;
/// Floats of the weight gradient of `ROWS` output and `WIDTH` source channels.
const BLOCK: usize = TAPS * ROWS * WIDTH;

/// The weight gradient. The sums over tiles are split by the shape only; partial sums are added in order.
#[derive(Clone, Debug)]
pub(in crate::kernels) struct WinogradWeightGrad {
    /// Geometry of the forward convolution.
    of: Winograd,
    tiles: usize,
    /// Parts of the tiles, and of the output channels.
    chunks: usize,
    parts: usize,
}

impl WinogradWeightGrad {
    /// `None` if Winograd's algorithm cannot be used or does not pay.
    pub fn new(shape: &Conv2dShape) -> Option<WinogradWeightGrad> {
        let of = Winograd::forward(shape)?;
        let tiles = of.batch * of.tiles[0] * of.tiles[1];
        let chunks = tiles.div_ceil(TILES).min(8);
        let parts = 4usize.div_ceil(chunks).min(of.outer.div_ceil(GROUP));
        Some(WinogradWeightGrad { of, tiles, chunks, parts })
    }

    /// Blocks of `WIDTH` source channels, and groups of output channels.
    fn blocks(&self) -> [usize; 2] {
        [self.of.inner.div_ceil(WIDTH), self.of.outer.div_ceil(GROUP)]
    }

    /// Floats of the partial sums of a chunk, `[ROWS output channels][WIDTH source channels][tap][row][channel]`.
    fn size(&self) -> usize {
        let [blocks, groups] = self.blocks();
        groups * GROUP / ROWS * blocks * BLOCK
    }

    pub fn partials(&self) -> usize {
        self.chunks * self.size()
    }

    /// Arguments: as [`WeightGradEngine::run`](super::super::WeightGradEngine::run).
    pub fn run(&self, x: &Prologue, dy: &Prologue, args: &Args) {
        let out = x.arity() + dy.arity();
        let (dweight, partials): (&mut [f32], &mut [f32]) = (args.write(out), args.write(out + 1));
        let (x, dy) = (&x.bind(args, 0), &dy.bind(args, x.arity()));
        let [blocks, groups] = self.blocks();
        let (of, sums) = (&self.of, Shared(partials.as_mut_ptr()));
        let source = Pixels::new(of.source, of.padding, of.tiles, PATCH);
        let gradient = Pixels::new(of.output, [0, 0], of.tiles, TILE);
        let pixels = source.len().max(gradient.len());
        let sizes = [blocks * POINTS * X_STRIDE, groups * POINTS * DY_STRIDE, pixels];
        (0..self.chunks * self.parts).into_par_iter().for_each(|i| {
            let (chunk, part) = (i / self.parts, i % self.parts);
            let sets = self.tiles.div_ceil(TILES);
            let bound = |chunk: usize| (chunk * sets / self.chunks * TILES).min(self.tiles);
            // SAFETY: the partial sums of this chunk.
            let sums = Shared(unsafe { sums.get().add(chunk * self.size()) });
            let (x, dy) = (x.reader(), dy.reader());
            with_buffers(sizes, |[v, d, pixels]| {
                Arch::new().dispatch(Task {
                    of: self,
                    source: &source,
                    gradient: &gradient,
                    x,
                    dy,
                    tiles: bound(chunk)..bound(chunk + 1),
                    groups: part * groups / self.parts..(part + 1) * groups / self.parts,
                    v,
                    d,
                    pixels,
                    sums,
                });
            });
        });
        self.add(partials, dweight);
    }

    /// Adds the chunks and puts the weights in order.
    fn add(&self, partials: &[f32], dweight: &mut [f32]) {
        let inner = self.of.inner;
        dweight.par_chunks_exact_mut(inner * TAPS).enumerate().for_each(|(row, out)| {
            for (block, out) in out.chunks_mut(WIDTH * TAPS).enumerate() {
                let first = (row / ROWS * self.blocks()[0] + block) * BLOCK + row % ROWS * WIDTH;
                for tap in 0..TAPS {
                    let mut sums = [0.0; WIDTH];
                    for chunk in 0..self.chunks {
                        let part = &partials[chunk * self.size() + first + tap * ROWS * WIDTH..][..WIDTH];
                        sums.iter_mut().zip(part).for_each(|(s, p)| *s += p);
                    }
                    out[tap..].iter_mut().step_by(TAPS).zip(sums).for_each(|(o, s)| *o = s);
                }
            }
        });
    }
}

/// Some tiles and groups of output channels.
struct Task<'a> {
    of: &'a WinogradWeightGrad,
    source: &'a Pixels,
    gradient: &'a Pixels,
    x: Reader<'a, f32>,
    dy: Reader<'a, f32>,
    tiles: Range<usize>,
    groups: Range<usize>,
    /// `B^T x B [block][point][tile][WIDTH]`
    v: &'a mut [f32],
    /// `A dy A^T [group][point][tile][GROUP]`
    d: &'a mut [f32],
    pixels: &'a mut [f32],
    sums: Shared,
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let of = &self.of.of;
        for start in self.tiles.clone().step_by(TILES) {
            let end = (start + TILES).min(self.tiles.end);
            for segment in segments(of.tiles[0] * of.tiles[1], start..end).iter() {
                self.transform_source(simd, segment);
                self.transform_gradient(simd, segment);
            }
            let first = start == self.tiles.start;
            if S::REGISTER_COUNT >= 32 {
                self.products::<S, 8, 2>(simd, end - start, first);
            } else {
                self.products::<S, 4, 2>(simd, end - start, first);
            }
        }
    }
}

#[allow(clippy::needless_range_loop)] // constant bounds, which unroll
impl Task<'_> {
    #[inline(always)]
    fn transform_source<S: Simd>(&mut self, simd: S, segment: &Segment) {
        let inner = self.of.of.inner;
        for group in 0..inner.div_ceil(GROUP) {
            let first = group * GROUP;
            let channels = segment.image * inner + first..segment.image * inner + (first + GROUP).min(inner);
            let v = &mut self.v[first / WIDTH * POINTS * X_STRIDE + first % WIDTH..];
            self.source.visit(&mut self.x, channels, segment, self.pixels, |tile, patch, pitch| {
                for at in (0..GROUP).step_by(S::F32_LANES) {
                    // SAFETY: a patch of the copied pixels, a tile of V.
                    unsafe {
                        let load = |i: usize, j: usize| {
                            patch.add((i * pitch + j) * GROUP + at).cast::<S::f32s>().read_unaligned()
                        };
                        let mut columns = [[simd.splat_f32s(0.0); PATCH]; PATCH];
                        for j in 0..PATCH {
                            let column = transform::source(simd, std::array::from_fn(|i| load(i, j)));
                            for i in 0..PATCH {
                                columns[i][j] = column[i];
                            }
                        }
                        let to = v.as_mut_ptr().add((segment.at + tile) * WIDTH + at);
                        for (i, row) in columns.into_iter().enumerate() {
                            for (j, value) in transform::source(simd, row).into_iter().enumerate() {
                                to.add((i * PATCH + j) * X_STRIDE).cast::<S::f32s>().write_unaligned(value);
                            }
                        }
                    }
                }
            });
        }
    }

    #[inline(always)]
    fn transform_gradient<S: Simd>(&mut self, simd: S, segment: &Segment) {
        let outer = self.of.of.outer;
        for group in self.groups.clone() {
            let first = group * GROUP;
            let channels = segment.image * outer + first..segment.image * outer + (first + GROUP).min(outer);
            let d = &mut self.d[(group - self.groups.start) * POINTS * DY_STRIDE..];
            self.gradient.visit(&mut self.dy, channels, segment, self.pixels, |tile, patch, pitch| {
                for at in (0..GROUP).step_by(S::F32_LANES) {
                    // SAFETY: a tile of the copied pixels and of D.
                    unsafe {
                        let load = |i: usize, j: usize| {
                            patch.add((i * pitch + j) * GROUP + at).cast::<S::f32s>().read_unaligned()
                        };
                        let mut columns = [[simd.splat_f32s(0.0); TILE]; PATCH];
                        for j in 0..TILE {
                            let column = transform::gradient(simd, std::array::from_fn(|i| load(i, j)));
                            for i in 0..PATCH {
                                columns[i][j] = column[i];
                            }
                        }
                        let to = d.as_mut_ptr().add((segment.at + tile) * GROUP + at);
                        for (i, row) in columns.into_iter().enumerate() {
                            for (j, value) in transform::gradient(simd, row).into_iter().enumerate() {
                                to.add((i * PATCH + j) * DY_STRIDE).cast::<S::f32s>().write_unaligned(value);
                            }
                        }
                    }
                }
            });
        }
    }

    /// Sums over `tiles` tiles, transformed to weights and added to the partial sums; with `replace`, they overwrite
    /// them.
    #[inline(always)]
    fn products<S: Simd, const R: usize, const V: usize>(&mut self, simd: S, tiles: usize, replace: bool) {
        let [blocks, _] = self.of.blocks();
        let mut sums = [0.0f32; POINTS * SUM_STRIDE];
        for block in 0..blocks {
            for half in self.groups.start * GROUP / ROWS..self.groups.end * GROUP / ROWS {
                let group = half * ROWS / GROUP - self.groups.start;
                for point in 0..POINTS {
                    let v = self.v[(block * POINTS + point) * X_STRIDE..].as_ptr();
                    let d = self.d[(group * POINTS + point) * DY_STRIDE + half * ROWS % GROUP..].as_ptr();
                    for row in (0..ROWS).step_by(R) {
                        for at in (0..WIDTH).step_by(V * S::F32_LANES) {
                            // SAFETY: tiles of V and D, rows of the sums.
                            unsafe {
                                let out = sums.as_mut_ptr().add(point * SUM_STRIDE + row * WIDTH + at);
                                product::<S, R, V>(simd, (d.add(row), GROUP), v.add(at), tiles, out);
                            }
                        }
                    }
                }
                // SAFETY: the partial sums of these channels.
                unsafe { finish(simd, &sums, self.sums.get().add((half * blocks + block) * BLOCK), replace) };
            }
        }
    }
}

/// `G^T sums G` of `ROWS` times `WIDTH` pairs of channels, added to `out [tap][row][channel]` or, with `replace`,
/// stored there.
///
/// # Safety
/// `out` has room for all taps.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // constant bounds, which unroll
unsafe fn finish<S: Simd>(simd: S, sums: &[f32; POINTS * SUM_STRIDE], out: *mut f32, replace: bool) {
    for at in (0..ROWS * WIDTH).step_by(S::F32_LANES) {
        // SAFETY: given.
        unsafe {
            let load = |i: usize| sums.as_ptr().add(i * SUM_STRIDE + at).cast::<S::f32s>().read_unaligned();
            let mut columns = [[simd.splat_f32s(0.0); PATCH]; 3];
            for j in 0..PATCH {
                let column = transform::weight_gradient(simd, std::array::from_fn(|i| load(i * PATCH + j)));
                for i in 0..3 {
                    columns[i][j] = column[i];
                }
            }
            for (i, row) in columns.into_iter().enumerate() {
                for (j, value) in transform::weight_gradient(simd, row).into_iter().enumerate() {
                    let to = out.add((i * 3 + j) * ROWS * WIDTH + at).cast::<S::f32s>();
                    let before = if replace { simd.splat_f32s(0.0) } else { to.read_unaligned() };
                    to.write_unaligned(simd.add_f32s(before, value));
                }
            }
        }
    }
}
