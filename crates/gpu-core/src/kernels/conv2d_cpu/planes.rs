//! Zero-padded copies of images in which output pixels are neighbours, and the offsets of the taps in them.

use super::LANES;
use crate::kernels::Conv2dShape;
use crate::kernels::interpreter::BLOCK;
use crate::kernels::prologue::Reader;

/// Copies of one channel: plane `i` holds input element `corner[i] + step * [row, col]`, and 0 outside of the input.
#[derive(Clone, Debug)]
pub(in crate::kernels) struct Planes {
    corners: Vec<[isize; 2]>,
    step: [usize; 2],
    pub input: [usize; 2],
    rows: usize,
    pub pitch: usize,
}

impl Planes {
    /// Floats of all planes of a channel.
    pub fn len(&self) -> usize {
        self.corners.len() * self.rows * self.pitch
    }

    /// Whether the only plane equals the input.
    pub fn is_input(&self) -> bool {
        self.step == [1, 1] && self.corners == [[0, 0]] && [self.rows, self.pitch] == self.input
    }

    /// Fills the planes of channels `first..first + count`, counted over all images.
    #[inline(always)]
    pub fn fill_channels(&self, x: &mut Reader<f32>, first: usize, count: usize, out: &mut [f32]) {
        let (size, len) = (self.input[0] * self.input[1], self.len());
        // Small channels are read together.
        let together = (BLOCK / size).max(1);
        for c in (0..count).step_by(together) {
            let n = together.min(count - c);
            let values = x.read((first + c) * size, n * size);
            for (x, out) in values.chunks_exact(size).zip(out[c * len..].chunks_exact_mut(len)) {
                self.fill(x, 0.0, out);
            }
        }
    }

    /// Fills the planes of a channel `x`, with `outside` around it.
    #[inline(always)]
    pub fn fill<T: Copy>(&self, x: &[T], outside: T, out: &mut [T]) {
        let [height, width] = self.input;
        let planes = out[..self.len()].chunks_exact_mut(self.rows * self.pitch);
        for (&[row0, col0], plane) in self.corners.iter().zip(planes) {
            for (i, out) in plane.chunks_exact_mut(self.pitch).enumerate() {
                let row = row0 + (i * self.step[0]) as isize;
                if row < 0 || row >= height as isize {
                    out.fill(outside);
                } else {
                    fill_row(&x[row as usize * width..][..width], col0, self.step[1], outside, out);
                }
            }
        }
    }
}

/// `out[j] = row[col0 + j * step]`, and `outside` where that is not in the row.
#[inline(always)]
fn fill_row<T: Copy>(row: &[T], col0: isize, step: usize, outside: T, out: &mut [T]) {
    let before = (usize::try_from(-col0).unwrap_or(0)).div_ceil(step).min(out.len());
    let first = (col0 + (before * step) as isize) as usize;
    let count = row.len().saturating_sub(first).div_ceil(step).min(out.len() - before);
    out[..before].fill(outside);
    let middle = &mut out[before..before + count];
    match step {
        _ if count == 0 => {}
        1 => middle.copy_from_slice(&row[first..first + count]),
        2 => every_second(&row[first..], middle),
        _ => middle.iter_mut().enumerate().for_each(|(j, o)| *o = row[first + j * step]),
    }
    out[before + count..].fill(outside);
}

/// `out[i] = row[2 * i]`.
#[inline(always)]
fn every_second<T: Copy>(row: &[T], out: &mut [T]) {
    let (wide, rest) = out.as_chunks_mut::<LANES>();
    let (narrow, last) = rest.as_chunks_mut::<8>();
    let (first, second) = (2 * LANES * wide.len(), 2 * (LANES * wide.len() + 8 * narrow.len()));
    wide.iter_mut().enumerate().for_each(|(i, o)| block(&row[2 * LANES * i..], o));
    narrow.iter_mut().enumerate().for_each(|(i, o)| block(&row[first + 16 * i..], o));
    last.iter_mut().enumerate().for_each(|(i, o)| *o = row[second + 2 * i]);
}

/// Every second element, `N` of them: constant indices compile to vector shuffles. The last odd element may be missing,
/// hence two overlapping halves.
#[inline(always)]
fn block<T: Copy, const N: usize>(row: &[T], out: &mut [T; N]) {
    let row = &row[..2 * N - 1];
    let low: [T; N] = *row.first_chunk().expect("longer than a half");
    let high: [T; N] = *row.last_chunk().expect("longer than a half");
    for j in 0..N / 2 {
        out[j] = low[2 * j];
        out[N / 2 + j] = high[2 * j + 1];
    }
}

/// Output pixels `origin + step * [row, col]`, and the taps that reach them.
#[derive(Clone, Debug)]
pub(in crate::kernels) struct Grid {
    pub rows: usize,
    pub cols: usize,
    pub origin: [usize; 2],
    pub step: [usize; 2],
    /// Index of a kernel element, and its offset in the planes of a channel for output pixel (0, 0).
    pub taps: Vec<(usize, usize)>,
}

/// Planes of the input of `shape`, and the grid of its output.
pub(in crate::kernels) fn forward_grid(shape: &Conv2dShape) -> (Planes, Grid) {
    let ([oh, ow], [kh, kw], s) = (shape.output(), shape.kernel, shape.stride);
    let (d, p) = (shape.dilation, shape.padding);
    let mut phases: Vec<[usize; 2]> = vec![];
    let mut at = vec![];
    for tap in 0..kh * kw {
        let to = [tap / kw * d[0], tap % kw * d[1]];
        let phase = [to[0] % s[0], to[1] % s[1]];
        let plane = phases.iter().position(|&q| q == phase).unwrap_or_else(|| {
            phases.push(phase);
            phases.len() - 1
        });
        at.push((plane, to[0] / s[0], to[1] / s[1]));
    }
    let rows = oh + (kh - 1) * d[0] / s[0];
    let pitch = ow + (kw - 1) * d[1] / s[1];
    let corner = |q: [usize; 2]| [q[0] as isize - p[0] as isize, q[1] as isize - p[1] as isize];
    let corners = phases.into_iter().map(corner).collect();
    let planes = Planes { corners, step: s, input: shape.input, rows, pitch };
    let tap = |(i, &(plane, r, c)): (usize, &(usize, usize, usize))| (i, (plane * rows + r) * pitch + c);
    let taps = at.iter().enumerate().map(tap).collect();
    (planes, Grid { rows: oh, cols: ow, origin: [0, 0], step: [1, 1], taps })
}

/// Along one dimension: for every remainder of the input coordinate, the kernel indices that reach it and their
/// (possibly negative) output coordinates relative to the quotient.
fn reached(shape: &Conv2dShape, dim: usize) -> Vec<Vec<(usize, isize)>> {
    let (s, d, p) = (shape.stride[dim], shape.dilation[dim] as isize, shape.padding[dim] as isize);
    let taps = |a: usize| {
        let from = |k: usize| a as isize + p - k as isize * d;
        let hits = (0..shape.kernel[dim]).filter(|&k| from(k) % s as isize == 0);
        hits.map(|k| (k, from(k) / s as isize)).collect()
    };
    (0..s.min(shape.input[dim])).map(taps).collect()
}

/// Planes of the output gradient of `shape`, and one grid of input pixels for every remainder modulo the stride.
pub(super) fn input_grad_grids(shape: &Conv2dShape) -> (Planes, Vec<Grid>) {
    let reach = [reached(shape, 0), reached(shape, 1)];
    let size = |dim: usize, a: usize| (shape.input[dim] - a).div_ceil(shape.stride[dim]);
    // The first coordinate of the output gradient that any pixel reads, and how many follow.
    let range = |dim: usize| {
        let all = || reach[dim].iter().enumerate().flat_map(|(a, t)| t.iter().map(move |&(_, o)| (a, o)));
        let low = all().map(|(_, o)| o).min().unwrap_or(0);
        let high = all().map(|(a, o)| o + size(dim, a) as isize).max().unwrap_or(1);
        (low, (high - low) as usize)
    };
    let ((row0, rows), (col0, pitch)) = (range(0), range(1));
    let output = shape.output();
    let mut grids = vec![];
    for (a, row_taps) in reach[0].iter().enumerate() {
        for (b, col_taps) in reach[1].iter().enumerate() {
            let offset = |r: isize, c: isize| (r - row0) as usize * pitch + (c - col0) as usize;
            let pair = |&(kh, r): &(usize, isize)| {
                col_taps.iter().map(move |&(kw, c)| (kh * shape.kernel[1] + kw, offset(r, c)))
            };
            let taps = row_taps.iter().flat_map(pair).collect();
            grids.push(Grid { rows: size(0, a), cols: size(1, b), origin: [a, b], step: shape.stride, taps });
        }
    }
    (Planes { corners: vec![[row0, col0]], step: [1, 1], input: output, rows, pitch }, grids)
}
