//! Bilinear resizing with antialiasing, equal to Pillow's to the byte.

use std::array;
use std::ops::Range;
use std::sync::LazyLock;

use pulp::{Simd, WithSimd};

/// Weights are in units of 2^-22, as Pillow's.
const PRECISION: u32 = 22;
const HALF: i32 = 1 << (PRECISION - 1);

/// Result pixels that are computed together.
const LANES: usize = 32;

/// Rows whose columns are computed together.
const ROWS: usize = 4;

/// Instructions beyond the baseline that the processor has.
static ARCH: LazyLock<pulp::Arch> = LazyLock::new(pulp::Arch::new);

/// For each result pixel along one axis: the source pixels that it is the weighted mean of.
pub(crate) struct Taps {
    /// The first source pixel of each result pixel.
    starts: Vec<usize>,
    /// `each` for every result pixel. Some are 0, so that loops over them have one length.
    weights: Vec<i32>,
    each: usize,
}

impl Taps {
    /// A triangle filter that resizes `from` pixels to `to`, of which only `part` is computed: shrinking averages over all pixels.
    pub(crate) fn new(from: usize, to: usize, part: Range<usize>) -> Taps {
        let scale = from as f64 / to as f64;
        let support = scale.max(1.0);
        let center = |i: usize| (i as f64 + 0.5) * scale;
        let bounds = |i: usize| {
            let start = (center(i) - support + 0.5).max(0.0) as usize;
            start..((center(i) + support + 0.5) as usize).min(from)
        };
        let each = part.clone().map(|i| bounds(i).len()).max().unwrap_or(1);
        let mut starts = Vec::with_capacity(part.len());
        let mut weights = vec![0; part.len() * each];
        let mut shares = Vec::with_capacity(each);
        for (i, weights) in part.zip(weights.chunks_exact_mut(each)) {
            let (center, bounds) = (center(i), bounds(i));
            let share = |j: usize| (1.0 - ((j as f64 - center + 0.5) * support.recip()).abs()).max(0.0);
            let start = bounds.start.min(from - each);
            let weights = &mut weights[bounds.start - start..];
            shares.clear();
            shares.extend(bounds.map(share));
            let sum: f64 = shares.iter().sum();
            for (weight, share) in weights.iter_mut().zip(&shares) {
                *weight = (share / sum * f64::from(1 << PRECISION) + 0.5) as i32;
            }
            starts.push(start);
        }
        Taps { starts, weights, each }
    }

    /// How many result pixels there are.
    fn len(&self) -> usize {
        self.starts.len()
    }

    /// First source pixel and weights of each result pixel.
    #[inline(always)]
    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.starts.iter().copied().zip(self.weights.chunks_exact(self.each))
    }

    /// The source pixels that are read.
    fn sources(&self) -> Range<usize> {
        let [first, last] =
            [self.starts.first(), self.starts.last()].map(|start| start.map_or(0, |&start| start));
        first..last + self.each
    }
}

/// Pixels of `N` interleaved channels, and one byte more if `N` is 3; `stride` bytes a row.
#[derive(Clone, Copy)]
pub(crate) struct Interleaved<'a, const N: usize> {
    pub(crate) pixels: &'a [u8],
    pub(crate) stride: usize,
}

/// Resizes the part of an image that begins at the row `top` and the column `left`: rows by `down`, columns by `across`. Writes the result
/// to `out`, `[N, down, across]`. As in Pillow before version 13, columns come first, and are rounded to bytes.
pub(crate) fn resize<const N: usize>(
    source: Interleaved<'_, N>,
    [top, left]: [usize; 2],
    [down, across]: [&Taps; 2],
    out: &mut [u8],
) {
    let mut wide = vec![0; down.sources().len() * N * across.len()];
    let mut words = vec![0; ROWS * across.len()];
    let place = [top, left];
    ARCH.dispatch(Passes { source, place, down, across, words: &mut words, wide: &mut wide, out });
}

/// Both passes, which are compiled for each set of instructions.
struct Passes<'a, const N: usize> {
    source: Interleaved<'a, N>,
    place: [usize; 2],
    down: &'a Taps,
    across: &'a Taps,
    /// The rows that `down` reads at their new width, `[rows, N, across]`.
    wide: &'a mut [u8],
    /// `[ROWS, across]`
    words: &'a mut [u32],
    out: &'a mut [u8],
}

impl<const N: usize> WithSimd for Passes<'_, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Passes { source, place: [top, left], down, across, words, wide, out } = self;
        let (rows, columns) = (down.sources(), across.len());
        let from = &source.pixels[(top + rows.start) * source.stride + left * N..];
        let (many, rest) = wide.split_at_mut(rows.len() / ROWS * ROWS * N * columns);
        for (i, wide) in many.chunks_exact_mut(ROWS * N * columns).enumerate() {
            let from = &from[i * ROWS * source.stride..];
            along_rows::<N, ROWS>(from, source.stride, across, words, wide);
        }
        for (i, wide) in rest.chunks_exact_mut(N * columns).enumerate() {
            let from = &from[(rows.len() / ROWS * ROWS + i) * source.stride..];
            along_rows::<N, 1>(from, source.stride, across, words, wide);
        }
        let area = down.len() * columns;
        for (y, (start, weights)) in down.iter().enumerate() {
            let above = &wide[(start - rows.start) * N * columns..];
            for channel in 0..N {
                let out = &mut out[channel * area + y * columns..][..columns];
                blend_rows(&above[channel * columns..], N * columns, weights, out);
            }
        }
    }
}

/// `R` rows that begin `stride` bytes after each other at their new width, channel by channel: `[R, N, across]`. Uses `words` for
/// pixels of which each byte is a channel.
#[inline(always)]
fn along_rows<const N: usize, const R: usize>(
    rows: &[u8],
    stride: usize,
    across: &Taps,
    words: &mut [u32],
    out: &mut [u8],
) {
    let columns = across.len();
    // Four channels fit into a vector. Those beyond `N` are of the next pixels, and are not used.
    let lanes = if N == 3 { 4 } else { N };
    for (x, (start, weights)) in across.iter().enumerate() {
        let count = N * (weights.len() - 1) + lanes;
        let parts: [&[u8]; R] = array::from_fn(|r| &rows[r * stride + N * start..][..count]);
        let mut sums = [[HALF; 4]; R];
        for (i, &weight) in weights.iter().enumerate() {
            for (sums, part) in sums.iter_mut().zip(&parts) {
                let pixel = &part[N * i..][..lanes];
                sums.iter_mut().zip(pixel).for_each(|(sum, &p)| *sum += i32::from(p) * weight);
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            words[r * columns + x] = u32::from_le_bytes(sums.map(byte));
        }
    }
    for (words, out) in words.chunks_exact(columns).zip(out.chunks_exact_mut(N * columns)) {
        for (c, out) in out.chunks_exact_mut(columns).enumerate() {
            out.iter_mut().zip(words).for_each(|(out, word)| *out = (word >> (8 * c)) as u8);
        }
    }
}

/// The weighted mean of rows that begin `stride` bytes after each other.
#[inline(always)]
fn blend_rows(rows: &[u8], stride: usize, weights: &[i32], out: &mut [u8]) {
    let (chunks, rest) = out.as_chunks_mut::<LANES>();
    let done = chunks.len() * LANES;
    for (i, out) in chunks.iter_mut().enumerate() {
        let mut sums = [HALF; LANES];
        for (k, &weight) in weights.iter().enumerate() {
            let row = &rows[k * stride + i * LANES..][..LANES];
            sums.iter_mut().zip(row).for_each(|(sum, &pixel)| *sum += i32::from(pixel) * weight);
        }
        out.iter_mut().zip(sums).for_each(|(out, sum)| *out = byte(sum));
    }
    for (x, out) in rest.iter_mut().enumerate() {
        let terms = weights.iter().enumerate();
        let sum: i32 = terms.map(|(k, weight)| i32::from(rows[k * stride + done + x]) * weight).sum();
        *out = byte(sum + HALF);
    }
}

/// The sum of weights is 2^22 but for rounding, so that sums are below 2^31.
#[inline(always)]
fn byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}
