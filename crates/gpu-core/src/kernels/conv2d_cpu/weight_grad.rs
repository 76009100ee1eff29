//! The weight gradient.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::planes::{Grid, Planes, forward_grid};
use super::{LANES, Shared, with_buffers};
use crate::Args;
use crate::kernels::Conv2dShape;
use crate::kernels::interpreter::BLOCK;
use crate::kernels::prologue::{Prologue, Reader};
use crate::kernels::scratch::ScratchVec;

/// The weight gradient on the CPU: sums over pixels with vectors along them. The images are cut into chunks, which
/// depend on the shape only; the chunks' partial sums are added in order.
#[derive(Clone, Debug)]
pub(in crate::kernels) struct WeightGrad {
    shape: Conv2dShape,
    planes: Planes,
    grid: Grid,
    inner: usize,
    outer: usize,
    /// Images of a chunk.
    images: usize,
    chunks: usize,
    /// Channels that are handled together, so that their taps fill tiles, and how many tasks they are split into.
    channels: usize,
    parts: usize,
}

impl WeightGrad {
    pub fn new(shape: &Conv2dShape) -> WeightGrad {
        let shape = &shape.flat();
        let (planes, grid) = forward_grid(shape);
        let (inner, outer) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
        let vectors = (grid.rows * grid.cols).div_ceil(LANES).max(1);
        let images = shape.batch.div_ceil(16).max(128usize.div_ceil(vectors)).min(shape.batch);
        let chunks = shape.batch.div_ceil(images);
        let channels = match grid.taps.len() {
            n if n % 6 == 0 => 1,
            n if n % 3 == 0 => 2,
            n if n % 2 == 0 => 3,
            _ => 6,
        };
        let channels = channels.min(inner);
        let parts = 32usize.div_ceil(chunks * shape.groups).min(inner.div_ceil(channels));
        WeightGrad { shape: *shape, planes, grid, inner, outer, images, chunks, channels, parts }
    }

    fn weights(&self) -> usize {
        self.outer * self.shape.groups * self.inner * self.grid.taps.len()
    }

    pub fn partials(&self) -> usize {
        self.chunks * self.weights()
    }

    /// Arguments: as [`WeightGradEngine::run`](super::WeightGradEngine::run).
    pub fn run(&self, x: &Prologue, dy: &Prologue, args: &Args) {
        let out = x.arity() + dy.arity();
        let (dweight, partials): (&mut [f32], &mut [f32]) = (args.write(out), args.write(out + 1));
        let (x, dy, plain) = (&x.bind(args, 0), &dy.bind(args, x.arity()), dy.is_plain());
        let (groups, size) = (self.shape.groups, self.weights());
        let out = Shared(partials.as_mut_ptr());
        let (pixels, planes) = (self.grid.rows * self.grid.cols, self.channels * self.planes.len());
        let padded = pixels.next_multiple_of(LANES);
        let panel = if self.grid.cols.is_multiple_of(LANES) {
            0
        } else {
            self.channels * self.grid.taps.len() * padded
        };
        let copy = if plain && pixels == padded { 0 } else { self.outer * padded };
        let sizes = [planes, panel, copy].map(|n| n * self.images);
        (0..self.chunks * groups * self.parts).into_par_iter().for_each(|i| {
            let (chunk, group, part) = (i / self.parts / groups, i / self.parts % groups, i % self.parts);
            let images = chunk * self.images..((chunk + 1) * self.images).min(self.shape.batch);
            let tiles = self.inner.div_ceil(self.channels);
            let bound = |part: usize| (part * tiles / self.parts * self.channels).min(self.inner);
            let channels = bound(part)..bound(part + 1);
            // SAFETY: the partial sums of this chunk and group.
            let at = unsafe { out.get().add(chunk * size + group * (size / groups)) };
            let (x, dy) = (x.reader(), dy.reader());
            with_buffers(sizes, |buffers| {
                let out = Shared(at);
                Arch::new().dispatch(Task { of: self, x, dy, out, images, group, channels, buffers });
            });
        });
        let partials = &*partials;
        dweight.par_chunks_mut(4096).enumerate().for_each(|(i, out)| {
            let len = out.len();
            let part = |chunk: usize| &partials[chunk * size + i * 4096..][..len];
            out.copy_from_slice(part(0));
            for part in (1..self.chunks).map(part) {
                out.iter_mut().zip(part).for_each(|(o, p)| *o += p);
            }
        });
    }
}

/// Some channels of one group, summed over one chunk of images.
struct Task<'a> {
    of: &'a WeightGrad,
    x: Reader<'a, f32>,
    dy: Reader<'a, f32>,
    out: Shared,
    images: std::ops::Range<usize>,
    group: usize,
    channels: std::ops::Range<usize>,
    buffers: [&'a mut [f32]; 3],
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.of.outer {
            1 => self.run::<S, 1, 6>(simd),
            _ if S::REGISTER_COUNT >= 32 => self.run::<S, 4, 6>(simd),
            _ => self.run::<S, 2, 3>(simd),
        }
    }
}

/// One operand of the sums: rows of pixels of several images.
#[derive(Clone, Copy)]
struct StridedRows {
    start: *const f32,
    /// Floats from one image to the next.
    image: usize,
    /// Floats from one row (output channel) to the next.
    row: usize,
}

impl Task<'_> {
    #[inline(always)]
    fn run<S: Simd, const R: usize, const V: usize>(mut self, simd: S) {
        let (of, count) = (self.of, self.images.len());
        let (rows, cols, len) = (of.grid.rows, of.grid.cols, of.planes.len());
        let (pixels, taps) = (rows * cols, of.grid.taps.len());
        let padded = pixels.next_multiple_of(S::F32_LANES);
        let direct = cols % S::F32_LANES == 0;
        // Positions of the vectors of an image.
        let place = |i: usize| i / cols * of.planes.pitch + i % cols;
        let starts = (0..padded).step_by(S::F32_LANES);
        let position: ScratchVec<usize> = if direct { starts.map(place).collect() } else { starts.collect() };
        let [planes, panel, copy] = std::mem::take(&mut self.buffers);
        let dy = self.gradient(padded, copy);
        for first in self.channels.clone().step_by(of.channels) {
            let channels = of.channels.min(self.channels.end - first);
            self.fill(first, channels, planes);
            let mut x = StridedRows { start: planes.as_ptr(), image: of.channels * len, row: 0 };
            if !direct {
                // SAFETY: the buffers were sized for this.
                unsafe { self.panel::<S>(planes, channels, padded, panel.as_mut_ptr()) };
                x = StridedRows { start: panel.as_ptr(), image: padded, row: 0 };
            }
            let offset = |k: usize| match direct {
                true => k / taps * len + of.grid.taps[k % taps].1,
                false => k * count * padded,
            };
            let depth = channels * taps;
            for o in (0..of.outer).step_by(R) {
                let mut rows = [0; R];
                rows.iter_mut().enumerate().for_each(|(r, i)| *i = (o + r).min(of.outer - 1) * dy.row);
                for k in (0..depth).step_by(V) {
                    // Indices beyond the last repeat it, and their sums are not stored.
                    let mut offsets = [0; V];
                    offsets.iter_mut().enumerate().for_each(|(v, o)| *o = offset((k + v).min(depth - 1)));
                    // SAFETY: rows and offsets inside the operands, vectors inside the images.
                    let sums = unsafe { sums::<S, R, V>(simd, dy, &rows, x, &offsets, &position, count) };
                    let at = o * of.inner * taps + first * taps + k;
                    for (r, sums) in sums.iter().enumerate().take(of.outer - o) {
                        for (v, sum) in sums.iter().enumerate().take(depth - k) {
                            // SAFETY: weights of this task's group and channels.
                            unsafe { *self.out.get().add(at + r * of.inner * taps + v) = *sum };
                        }
                    }
                }
            }
        }
    }

    /// The output gradient of the task's images: in place, or copied with zero padding if a row is not a multiple of a
    /// vector.
    #[inline(always)]
    fn gradient(&mut self, padded: usize, copy: &mut [f32]) -> StridedRows {
        let of = self.of;
        let (rows, pixels) = (of.outer, of.grid.rows * of.grid.cols);
        let first = |n: usize| (n * of.shape.groups + self.group) * rows * pixels;
        if padded == pixels
            && let Some(dy) = self.dy.plain()
        {
            let start = dy[first(self.images.start)..].as_ptr();
            return StridedRows { start, image: of.shape.groups * rows * pixels, row: pixels };
        }
        let together = (BLOCK / pixels).max(1);
        for (n, out) in self.images.clone().zip(copy.chunks_exact_mut(rows * padded)) {
            for row in (0..rows).step_by(together) {
                let count = together.min(rows - row);
                let values = self.dy.read(first(n) + row * pixels, count * pixels);
                let rows = values.chunks_exact(pixels).zip(out[row * padded..].chunks_exact_mut(padded));
                for (values, out) in rows {
                    out[..pixels].copy_from_slice(values);
                    out[pixels..].fill(0.0);
                }
            }
        }
        StridedRows { start: copy.as_ptr(), image: rows * padded, row: padded }
    }

    /// Planes `[image][channel]` of some channels.
    #[inline(always)]
    fn fill(&mut self, first: usize, channels: usize, planes: &mut [f32]) {
        let of = self.of;
        let image = of.channels * of.planes.len();
        for (n, out) in self.images.clone().zip(planes.chunks_exact_mut(image)) {
            let first = (n * of.shape.groups + self.group) * of.inner + first;
            of.planes.fill_channels(&mut self.x, first, channels, out);
        }
    }

    /// `panel[channel, tap][image][pixel]`, zero from the last pixel to `padded`.
    ///
    /// # Safety
    /// The panel has room for that and the slack.
    #[inline(always)]
    unsafe fn panel<S: Simd>(&self, planes: &[f32], channels: usize, padded: usize, panel: *mut f32) {
        let of = self.of;
        let (len, taps, count) = (of.planes.len(), of.grid.taps.len(), self.images.len());
        let (rows, cols) = (of.grid.rows, of.grid.cols);
        let mut out = panel;
        for k in 0..channels * taps {
            for i in 0..count {
                let at = (i * of.channels + k / taps) * len + of.grid.taps[k % taps].1;
                // SAFETY: inside the planes and the panel or the slack after them; what a vector copies beyond a row is
                // overwritten by the next row or the zeros.
                unsafe {
                    let from = planes.as_ptr().add(at);
                    for r in 0..rows {
                        for j in (0..cols).step_by(S::F32_LANES) {
                            let value = from.add(r * of.planes.pitch + j).cast::<S::f32s>().read_unaligned();
                            out.add(r * cols + j).cast::<S::f32s>().write_unaligned(value);
                        }
                    }
                    std::slice::from_raw_parts_mut(out, padded)[rows * cols..].fill(0.0);
                    out = out.add(padded);
                }
            }
        }
    }
}

/// `sums[r][v] = sum over images and vectors t of dy[rows[r] + t] * x[offsets[v] + position[t]]`.
///
/// # Safety
/// All of that is readable.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // constant bounds, which unroll
unsafe fn sums<S: Simd, const R: usize, const V: usize>(
    simd: S,
    dy: StridedRows,
    rows: &[usize; R],
    x: StridedRows,
    offsets: &[usize; V],
    position: &[usize],
    images: usize,
) -> [[f32; V]; R] {
    let mut acc = [[simd.splat_f32s(0.0); V]; R];
    let mut d = [simd.splat_f32s(0.0); R];
    for image in 0..images {
        // SAFETY: given.
        unsafe {
            let mut dy_at = dy.start.add(image * dy.image);
            let x_image = x.start.add(image * x.image);
            for &p in position {
                for r in 0..R {
                    d[r] = dy_at.add(rows[r]).cast::<S::f32s>().read_unaligned();
                }
                let x_at = x_image.add(p);
                for v in 0..V {
                    let x = x_at.add(offsets[v]).cast::<S::f32s>().read_unaligned();
                    for r in 0..R {
                        acc[r][v] = simd.mul_add_e_f32s(d[r], x, acc[r][v]);
                    }
                }
                dy_at = dy_at.add(S::F32_LANES);
            }
        }
    }
    // Reduced here, where indices are constants: with the caller's indices, the accumulators would live in memory.
    let mut out = [[0.0; V]; R];
    for r in 0..R {
        for v in 0..V {
            out[r][v] = simd.reduce_sum_f32s(acc[r][v]);
        }
    }
    out
}
