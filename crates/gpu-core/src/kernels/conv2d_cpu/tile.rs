//! The register tiles of the correlation.

use pulp::{Simd, WithSimd};

use super::correlation::Correlation;
use super::planes::Grid;
use super::{LANES, Shared, TILE};
use crate::kernels::prologue::Reader;

/// A task of a correlation: some images, groups and blocks of output channels.
pub(super) struct Task<'a> {
    pub of: &'a Correlation,
    pub x: Reader<'a, f32>,
    pub packed: &'a [f32],
    pub y: Shared,
    pub images: std::ops::Range<usize>,
    pub groups: std::ops::Range<usize>,
    pub blocks: std::ops::Range<usize>,
    pub copy: &'a mut [f32],
    pub panel: &'a mut [f32],
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.of.block() {
            1 => self.run::<S, 1, 8>(simd),
            4 => self.run::<S, 4, 3>(simd),
            _ if S::REGISTER_COUNT >= 32 => self.run::<S, 8, 3>(simd),
            _ => self.run::<S, 4, 3>(simd),
        }
    }
}

/// The grid that a tile is part of, and where its operands lie.
struct TileInput<'a> {
    grid: &'a Grid,
    offsets: &'a [usize],
    group: usize,
    source: *const f32,
    /// Floats between images of the source.
    image: usize,
    panel: *mut f32,
    /// Packed weights of the group.
    weights: *const f32,
    direct: bool,
}

impl Task<'_> {
    #[inline(always)]
    fn run<S: Simd, const R: usize, const V: usize>(mut self, simd: S) {
        let of = self.of;
        let direct = of.grids.iter().all(|g| g.cols % S::F32_LANES == 0);
        let image = of.inner * of.planes.len();
        for group in self.groups.clone() {
            let source = if direct && of.planes.is_input() { self.in_place(group) } else { None };
            let source = source.unwrap_or_else(|| self.copy(group));
            let panel = self.panel.as_mut_ptr();
            let mut weights = self.packed;
            for (grid, offsets) in of.grids.iter().zip(&of.offsets) {
                let stride = of.blocks() * offsets.len() * of.block();
                let own = weights[group * stride..].as_ptr();
                weights = &weights[of.groups * stride..];
                let place = TileInput { grid, offsets, group, source, image, panel, weights: own, direct };
                self.grid::<S, R, V>(simd, &place);
            }
        }
    }

    /// The channels of a group of the task's first image in place, if the source is not computed.
    #[inline(always)]
    fn in_place(&self, group: usize) -> Option<*const f32> {
        let size = self.of.inner * self.of.planes.input[0] * self.of.planes.input[1];
        let start = (self.images.start * self.of.groups + group) * size;
        self.x.plain().map(|x| x[start..][..size].as_ptr())
    }

    /// Fills the planes of a group of all images of the task.
    #[inline(always)]
    fn copy(&mut self, group: usize) -> *const f32 {
        let of = self.of;
        let len = of.inner * of.planes.len();
        for (i, n) in self.images.clone().enumerate() {
            let first = (n * of.groups + group) * of.inner;
            of.planes.fill_channels(&mut self.x, first, of.inner, &mut self.copy[i * len..][..len]);
        }
        self.copy.as_ptr()
    }

    #[inline(always)]
    fn grid<S: Simd, const R: usize, const V: usize>(&self, simd: S, place: &TileInput) {
        let pixels = place.grid.rows * place.grid.cols * self.images.len();
        let vectors = pixels.div_ceil(S::F32_LANES);
        let mut at = 0;
        while at < vectors {
            let left = vectors - at;
            // Four are better split evenly than as 3 + 1.
            at += match left {
                _ if left >= V && !(V == 3 && left == 4) => self.tile::<S, R, V>(simd, place, at, pixels),
                2.. => self.tile::<S, R, 2>(simd, place, at, pixels),
                _ => self.tile::<S, R, 1>(simd, place, at, pixels),
            };
        }
    }

    /// Computes all blocks of output channels for `V` vectors of pixels from vector `at` on.
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(
        &self,
        simd: S,
        place: &TileInput,
        at: usize,
        pixels: usize,
    ) -> usize {
        let of = self.of;
        let (first, lanes) = (at * S::F32_LANES, S::F32_LANES);
        let count = (V * lanes).min(pixels - first);
        // Source and output positions of every vector, or of every pixel.
        let mut walk = [(0, 0); TILE];
        let mut position = [0; V];
        if place.direct {
            self.walk(place, first, lanes, &mut walk[..V]);
            position.iter_mut().zip(&walk).for_each(|(p, w)| *p = w.0);
        } else {
            self.walk(place, first, 1, &mut walk[..count]);
            // SAFETY: the panel has room for the longest sum and the largest tile.
            unsafe { gather::<S>(place, &walk[..count], V * lanes) };
            position.iter_mut().enumerate().for_each(|(v, p)| *p = v * lanes);
        }
        let depth = place.offsets.len();
        let area = of.output[0] * of.output[1];
        let image = (self.images.start * of.groups + place.group) * of.outer * area;
        for block in self.blocks.clone() {
            for half in (0..of.block()).step_by(R) {
                let channel = block * of.block() + half;
                if channel >= of.outer {
                    break;
                }
                // SAFETY: packed weights of this block; offsets and positions stay inside the planes or the panel.
                let acc = unsafe {
                    let weights = place.weights.add(block * depth * of.block() + half);
                    if place.direct {
                        sums::<S, R, V, false>(
                            simd,
                            weights,
                            of.block(),
                            place.source,
                            place.offsets,
                            position,
                        )
                    } else {
                        sums::<S, R, V, true>(simd, weights, of.block(), place.panel, place.offsets, position)
                    }
                };
                for (r, acc) in acc.iter().enumerate().take(of.outer - channel) {
                    // SAFETY: channels of this task's images and group.
                    let out = unsafe { self.y.get().add(image + (channel + r) * area) };
                    for (v, values) in acc.iter().enumerate() {
                        // SAFETY: pixels of the grid.
                        unsafe {
                            if place.direct {
                                store_row::<S>(*values, out.add(walk[v].1), place.grid.step[1]);
                            } else {
                                let range = (v * lanes).min(count)..((v + 1) * lanes).min(count);
                                store::<S>(*values, &walk[range], out);
                            }
                        }
                    }
                }
            }
        }
        V
    }

    /// Position in the source and in the output of every `step`-th pixel from `first` on.
    #[inline(always)]
    fn walk(&self, place: &TileInput, first: usize, step: usize, out: &mut [(usize, usize)]) {
        let (of, grid) = (self.of, place.grid);
        let area = grid.rows * grid.cols;
        let (mut image, mut row, mut col) = (first / area, first % area / grid.cols, first % grid.cols);
        for out in out {
            let to =
                (grid.origin[0] + row * grid.step[0]) * of.output[1] + grid.origin[1] + col * grid.step[1];
            let to = to + image * of.groups * of.outer * of.output[0] * of.output[1];
            *out = (image * place.image + row * of.planes.pitch + col, to);
            col += step;
            if col == grid.cols {
                (col, row) = (0, row + 1);
            }
            if row == grid.rows {
                (row, image) = (0, image + 1);
            }
        }
    }
}

/// Copies the pixels of a tile into the panel, `width` floats for every `k`.
///
/// # Safety
/// The panel holds `width` floats for every offset, and the slack.
#[inline(always)]
unsafe fn gather<S: Simd>(place: &TileInput, walk: &[(usize, usize)], width: usize) {
    // Runs of neighbours, cut into vectors. What a vector copies beyond its run is overwritten by the next one.
    let mut runs = [(0, 0); TILE];
    let mut count = 0;
    for (i, &(from, _)) in walk.iter().enumerate() {
        let (start, at) = if count > 0 { runs[count - 1] } else { (usize::MAX, 0) };
        if count == 0 || from != start + (i - at) || i - at == S::F32_LANES {
            runs[count] = (from, i);
            count += 1;
        }
    }
    for (k, &offset) in place.offsets.iter().enumerate() {
        for &(from, to) in &runs[..count] {
            // SAFETY: inside the planes and the panel, or the slack after them.
            unsafe {
                let values: S::f32s = place.source.add(offset + from).cast::<S::f32s>().read_unaligned();
                place.panel.add(k * width + to).cast::<S::f32s>().write_unaligned(values);
            }
        }
    }
}

/// Writes one vector to every `step`-th element.
///
/// # Safety
/// These elements are inside the output.
#[inline(always)]
unsafe fn store_row<S: Simd>(values: S::f32s, out: *mut f32, step: usize) {
    // SAFETY: given.
    unsafe {
        if step == 1 {
            return out.cast::<S::f32s>().write_unaligned(values);
        }
        let values: &[f32] = bytemuck::cast_slice(std::slice::from_ref(&values));
        if let ([values], []) = values.as_chunks::<LANES>()
            && step == 2
        {
            return interleave(values, out);
        }
        for (i, value) in values.iter().enumerate() {
            *out.add(i * step) = *value;
        }
    }
}

/// `out[2 * i] = values[i]`, by whole vectors that keep the elements in between; faster than one element at a time.
///
/// # Safety
/// These elements and those between them are inside the output, and no other thread uses them.
#[inline(always)]
unsafe fn interleave(values: &[f32; LANES], out: *mut f32) {
    // SAFETY: given; the two halves overlap in one element, which keeps its value.
    unsafe {
        let low = out.cast::<[f32; LANES]>();
        let mut kept = low.read_unaligned();
        for j in 0..LANES / 2 {
            kept[2 * j] = values[j];
        }
        low.write_unaligned(kept);
        let high = out.add(LANES - 1).cast::<[f32; LANES]>();
        let mut kept = high.read_unaligned();
        for j in 0..LANES / 2 {
            kept[2 * j + 1] = values[LANES / 2 + j];
        }
        high.write_unaligned(kept);
    }
}

/// Writes one vector to the output positions of `walk`.
///
/// # Safety
/// The positions are inside the output.
#[inline(always)]
unsafe fn store<S: Simd>(values: S::f32s, walk: &[(usize, usize)], out: *mut f32) {
    if walk.len() == S::F32_LANES && walk[S::F32_LANES - 1].1 == walk[0].1 + S::F32_LANES - 1 {
        // SAFETY: positions increase, so these are contiguous.
        return unsafe { out.add(walk[0].1).cast::<S::f32s>().write_unaligned(values) };
    }
    let values: &[f32] = bytemuck::cast_slice(std::slice::from_ref(&values));
    for (value, &(_, to)) in values.iter().zip(walk) {
        // SAFETY: given.
        unsafe { *out.add(to) = *value };
    }
}

/// `sums[r][v] = sum over k of weights[k][r] * source[offsets[k] + position[v]..]`; with `PANEL`, the source of `k` is
/// `k * V` vectors into the panel instead.
///
/// # Safety
/// All of that is readable.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // constant bounds, which unroll
unsafe fn sums<S: Simd, const R: usize, const V: usize, const PANEL: bool>(
    simd: S,
    weights: *const f32,
    stride: usize,
    source: *const f32,
    offsets: &[usize],
    position: [usize; V],
) -> [[S::f32s; V]; R] {
    let mut acc = [[simd.splat_f32s(0.0); V]; R];
    let mut x = [simd.splat_f32s(0.0); V];
    for (k, &offset) in offsets.iter().enumerate() {
        // SAFETY: given.
        unsafe {
            let from = source.add(if PANEL { k * V * S::F32_LANES } else { offset });
            for v in 0..V {
                x[v] = from.add(position[v]).cast::<S::f32s>().read_unaligned();
            }
            for r in 0..R {
                let w = simd.splat_f32s(*weights.add(k * stride + r));
                for v in 0..V {
                    acc[r][v] = simd.mul_add_e_f32s(w, x[v], acc[r][v]);
                }
            }
        }
    }
    // Copied here, where indices are constants: with the caller's indices, the accumulators would live in memory.
    let mut out = [[simd.splat_f32s(0.0); V]; R];
    for r in 0..R {
        for v in 0..V {
            out[r][v] = acc[r][v];
        }
    }
    out
}
