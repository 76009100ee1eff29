//! Some tiles of a Winograd convolution.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::{PATCH, POINTS, ROWS, Segment, Shared, TILE, WIDTH, Winograd, segments, transform};
use crate::kernels::prologue::Reader;

/// Some tiles and blocks of output channels.
pub(super) struct Task<'a> {
    pub of: &'a Winograd,
    pub x: Reader<'a, f32>,
    pub packed: &'a [f32],
    pub y: Shared,
    pub tiles: Range<usize>,
    pub blocks: Range<usize>,
    /// Source channels that are read together.
    pub together: usize,
    pub v: &'a mut [f32],
    pub m: &'a mut [f32],
    pub m_stride: usize,
    /// `[channel][point of the patch][tile]`
    pub patches: &'a mut [f32],
    /// Zero-padded rows of one channel.
    pub plane: &'a mut [f32],
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let segments = segments(self.of.tiles[0] * self.of.tiles[1], self.tiles.clone());
        self.source(simd, &segments);
        if S::REGISTER_COUNT >= 32 {
            self.products::<S, 8, 2>(simd);
        } else {
            self.products::<S, 4, 2>(simd);
        }
        self.output(simd, &segments);
    }
}

#[allow(clippy::needless_range_loop)] // constant bounds, which unroll
impl Task<'_> {
    /// `V = B^T x B` of every channel.
    #[inline(always)]
    fn source<S: Simd>(&mut self, simd: S, segments: &[Segment]) {
        if self.tiles.len() < WIDTH {
            self.patches.fill(0.0);
        }
        for first in (0..self.of.inner).step_by(self.together) {
            let count = self.together.min(self.of.inner - first);
            for segment in segments {
                self.patches(segment, first, count);
            }
            for c in 0..count {
                let patches = self.patches[c * POINTS * WIDTH..][..POINTS * WIDTH].as_ptr();
                let v = self.v[(first + c) * WIDTH..].as_mut_ptr();
                for at in (0..WIDTH).step_by(S::F32_LANES) {
                    // SAFETY: vectors inside the patches and V.
                    unsafe {
                        let load = |i| patches.add(i * WIDTH + at).cast::<S::f32s>().read_unaligned();
                        let mut columns = [[simd.splat_f32s(0.0); PATCH]; PATCH];
                        for j in 0..PATCH {
                            let column: [_; PATCH] = std::array::from_fn(|i| load(i * PATCH + j));
                            let column = transform::source(simd, column);
                            for i in 0..PATCH {
                                columns[i][j] = column[i];
                            }
                        }
                        for (i, row) in columns.into_iter().enumerate() {
                            for (j, value) in transform::source(simd, row).into_iter().enumerate() {
                                let to = v.add((i * PATCH + j) * self.of.v_stride() + at);
                                to.cast::<S::f32s>().write_unaligned(value);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Copies the patches of a segment, of some channels.
    #[inline(always)]
    fn patches(&mut self, segment: &Segment, first: usize, count: usize) {
        let of = self.of;
        let ([height, width], cols, pitch) = (of.source, of.tiles[1], of.pitch());
        // Rows of the padded source that the tiles need, and of the source itself.
        let top = segment.tiles.start / cols * TILE;
        let rows = (segment.tiles.end - 1) / cols * TILE + PATCH - top;
        let inside = |row: usize| row.saturating_sub(of.padding[0]).min(height);
        let (low, high) = match count {
            1 => (inside(top), inside(top + rows)),
            _ => (0, height),
        };
        let start = ((segment.image * of.inner + first) * height + low) * width;
        let values = self.x.read(start, ((count - 1) * height + high - low) * width);
        for c in 0..count {
            let channel = &values[c * height * width..];
            for (r, out) in self.plane.chunks_exact_mut(pitch).take(rows).enumerate() {
                let row = (top + r).wrapping_sub(of.padding[0]);
                out.fill(0.0);
                if row < height {
                    let row = &channel[(row - low) * width..][..width];
                    let n = width.min(pitch - of.padding[1]);
                    out[of.padding[1]..][..n].copy_from_slice(&row[..n]);
                }
            }
            let out = self.patches[c * POINTS * WIDTH..][..POINTS * WIDTH].as_mut_ptr();
            for (i, tile) in segment.tiles.clone().enumerate() {
                // SAFETY: a patch inside the plane, a tile of the task.
                unsafe {
                    let from =
                        self.plane.as_ptr().add((tile / cols * TILE - top) * pitch + tile % cols * TILE);
                    let out = out.add(segment.at + i);
                    for p in 0..POINTS {
                        *out.add(p * WIDTH) = *from.add(p / PATCH * pitch + p % PATCH);
                    }
                }
            }
        }
    }

    /// `M[point] = U[point] V[point]`.
    #[inline(always)]
    fn products<S: Simd, const R: usize, const V: usize>(&mut self, simd: S) {
        let of = self.of;
        for point in 0..POINTS {
            let v = self.v[point * of.v_stride()..].as_ptr();
            let m = self.m[point * self.m_stride..].as_mut_ptr();
            for (b, block) in self.blocks.clone().enumerate() {
                let u = self.packed[(block * POINTS + point) * of.inner * ROWS..].as_ptr();
                for row in (0..ROWS).step_by(R) {
                    for at in (0..WIDTH).step_by(V * S::F32_LANES) {
                        // SAFETY: rows of a block, vectors of the task's tiles.
                        unsafe {
                            let out = m.add((b * ROWS + row) * WIDTH + at);
                            product::<S, R, V>(simd, (u.add(row), ROWS), v.add(at), of.inner, out);
                        }
                    }
                }
            }
        }
    }

    /// `y = A^T M A` of every output channel.
    #[inline(always)]
    fn output<S: Simd>(&self, simd: S, segments: &[Segment]) {
        let of = self.of;
        let area = of.output[0] * of.output[1];
        let first = self.blocks.start * ROWS;
        let channels = first..(self.blocks.end * ROWS).min(of.outer);
        let mut y = [0.0f32; TILE * TILE * WIDTH];
        for channel in channels {
            let m = self.m[(channel - first) * WIDTH..].as_ptr();
            for at in (0..WIDTH).step_by(S::F32_LANES) {
                // SAFETY: vectors of M and of the tiles.
                unsafe {
                    let load = |i| m.add(i * self.m_stride + at).cast::<S::f32s>().read_unaligned();
                    let mut columns = [[simd.splat_f32s(0.0); PATCH]; TILE];
                    for j in 0..PATCH {
                        let column: [_; PATCH] = std::array::from_fn(|i| load(i * PATCH + j));
                        let column = transform::output(simd, column);
                        for i in 0..TILE {
                            columns[i][j] = column[i];
                        }
                    }
                    for (i, row) in columns.into_iter().enumerate() {
                        for (j, value) in transform::output(simd, row).into_iter().enumerate() {
                            let to = y.as_mut_ptr().add((i * TILE + j) * WIDTH + at);
                            to.cast::<S::f32s>().write_unaligned(value);
                        }
                    }
                }
            }
            for segment in segments {
                // SAFETY: a channel of an image of this task.
                let out = unsafe { self.y.get().add((segment.image * of.outer + channel) * area) };
                self.store(&y, segment, out);
            }
        }
    }

    /// Writes the tiles of a segment to one channel of an image.
    #[inline(always)]
    fn store(&self, y: &[f32; TILE * TILE * WIDTH], segment: &Segment, out: *mut f32) {
        let ([height, width], cols) = (self.of.output, self.of.tiles[1]);
        for (i, tile) in segment.tiles.clone().enumerate() {
            let (row, col) = (tile / cols * TILE, tile % cols * TILE);
            let from = &y[segment.at + i..];
            // SAFETY: rows and columns inside the image.
            unsafe {
                let out = out.add(row * width + col);
                if row + TILE <= height && col + TILE <= width {
                    for p in 0..TILE * TILE {
                        *out.add(p / TILE * width + p % TILE) = from[p * WIDTH];
                    }
                } else {
                    for r in 0..TILE.min(height - row) {
                        for c in 0..TILE.min(width - col) {
                            *out.add(r * width + c) = from[(r * TILE + c) * WIDTH];
                        }
                    }
                }
            }
        }
    }
}

/// `out[r][v] = sum over k < depth of u[k][r] v[k][v]`.
///
/// # Safety
/// `u` has `depth` rows of the given stride, `v` and `out` have rows of `WIDTH` floats.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // constant bounds, which unroll
pub(super) unsafe fn product<S: Simd, const R: usize, const V: usize>(
    simd: S,
    (u, stride): (*const f32, usize),
    v: *const f32,
    depth: usize,
    out: *mut f32,
) {
    let mut acc = [[simd.splat_f32s(0.0); V]; R];
    let mut x = [simd.splat_f32s(0.0); V];
    // SAFETY: given.
    unsafe {
        for k in 0..depth {
            for i in 0..V {
                x[i] = v.add(k * WIDTH + i * S::F32_LANES).cast::<S::f32s>().read_unaligned();
            }
            for r in 0..R {
                let w = simd.splat_f32s(*u.add(k * stride + r));
                for i in 0..V {
                    acc[r][i] = simd.mul_add_e_f32s(w, x[i], acc[r][i]);
                }
            }
        }
        for r in 0..R {
            for i in 0..V {
                out.add(r * WIDTH + i * S::F32_LANES).cast::<S::f32s>().write_unaligned(acc[r][i]);
            }
        }
    }
}
