//! The convolution of codes on the CPU: a register-tiled correlation over padded planes of words, as that of f32 in `conv2d_cpu.rs`. A
//! vector has the words of neighbouring pixels, and a word of weights is repeated in all lanes.

use rayon::prelude::*;

use super::dot::{Dot, Level, Vector, WithDot};
use super::{PANEL, QUAD, Results};
use crate::kernels::Conv2dShape;
use crate::kernels::conv2d_cpu::{Grid, PaddedPlanes, forward_grid};
use crate::kernels::scratch::ScratchVec;

/// Lanes of the widest vector.
const LANES: usize = 16;
/// Pixels of the widest tile.
const WIDE: usize = 3 * LANES;
/// Multiply-adds that are worth a task of their own.
const TASK: usize = 1 << 19;
/// Tasks that are enough for any number of threads.
const TASKS: usize = 64;

/// A correlation of every image with a set of weights.
#[derive(Clone, Debug)]
pub(super) struct Correlation {
    batch: usize,
    /// Words of a pixel of the input.
    quads: usize,
    outputs: usize,
    /// Pixels of an output plane.
    area: usize,
    planes: PaddedPlanes,
    grid: Grid,
    /// The offsets of (word, tap) in the planes.
    offsets: Vec<usize>,
    /// What surrounds an image, as unsigned codes.
    outside: u32,
}

impl Correlation {
    pub fn new(shape: &Conv2dShape, zero: i8) -> Correlation {
        let shape = &shape.flat();
        let (planes, grid) = forward_grid(shape);
        let quads = shape.in_channels.div_ceil(QUAD);
        let len = planes.len();
        let offset = |quad: usize| grid.taps.iter().map(move |tap| quad * len + tap.1);
        let offsets = (0..quads).flat_map(offset).collect();
        let outside = u32::from(zero.cast_unsigned() ^ 0x80) * 0x0101_0101;
        let (batch, outputs, area) = (shape.batch, shape.out_channels, grid.rows * grid.cols);
        Correlation { batch, quads, outputs, area, offsets, outside, planes, grid }
    }

    pub fn run(&self, x: &[u32], weights: &[u32], results: &Results) {
        self.run_as(Level::best(), x, weights, results);
    }

    /// Each task computes some channels of some images: neighbouring ones together, so that small images fill vectors.
    pub fn run_as(&self, level: Level, x: &[u32], weights: &[u32], results: &Results) {
        let macs = self.area * self.outputs * self.offsets.len() * QUAD;
        let blocks = self.outputs.div_ceil(8);
        // Images for a task, or parts of the channels of one image.
        let images = TASK.div_ceil(macs.max(1)).max(self.batch / TASKS).min(self.batch).max(1);
        let sets = self.batch.div_ceil(images);
        let parts = if sets >= 8 { 1 } else { (images * macs / TASK).clamp(1, blocks.min(8)) };
        let run = |i: usize| {
            let (set, part) = (i / parts, i % parts);
            let images = set * images..((set + 1) * images).min(self.batch);
            let blocks = part * blocks / parts..(part + 1) * blocks / parts;
            level.run(Task { of: self, x, weights, results, images, blocks });
        };
        match sets * parts {
            1 => run(0),
            tasks => (0..tasks).into_par_iter().for_each(run),
        }
    }
}

struct Task<'a> {
    of: &'a Correlation,
    x: &'a [u32],
    weights: &'a [u32],
    results: &'a Results<'a>,
    images: std::ops::Range<usize>,
    /// Blocks of 8 output channels.
    blocks: std::ops::Range<usize>,
}

/// Where the pixels of a tile are.
struct Place<'a> {
    source: &'a [u32],
    panel: &'a mut [u32],
    /// Whether vectors are read from the source; otherwise they are gathered in the panel.
    direct: bool,
}

impl WithDot for Task<'_> {
    #[inline(always)]
    fn with<D: Dot>(self) {
        let of = self.of;
        let len = of.planes.len();
        let mut source = ScratchVec::at_least(self.images.len() * of.quads * len + LANES);
        let direct = of.grid.cols.is_multiple_of(D::LANES);
        let mut panel = ScratchVec::at_least(if direct { 0 } else { of.offsets.len() * WIDE + LANES });
        self.copy(&mut source);
        let mut place = Place { source: &source, panel: &mut panel, direct };
        let pixels = self.images.len() * of.area;
        let vectors = pixels.div_ceil(D::LANES);
        let mut at = 0;
        while at < vectors {
            let left = vectors - at;
            at += match D::TILE {
                // Four are better split evenly than as 3 + 1.
                (8, 3) if left >= 3 && left != 4 => self.tile::<D, 8, 3>(&mut place, at, pixels),
                (4, 3) if left >= 3 && left != 4 => self.tile::<D, 4, 3>(&mut place, at, pixels),
                (8, _) if left >= 2 => self.tile::<D, 8, 2>(&mut place, at, pixels),
                (8, _) => self.tile::<D, 8, 1>(&mut place, at, pixels),
                _ if left >= 2 => self.tile::<D, 4, 2>(&mut place, at, pixels),
                _ => self.tile::<D, 4, 1>(&mut place, at, pixels),
            };
        }
    }
}

impl Task<'_> {
    /// Fills the padded planes of the images, as unsigned codes.
    #[inline(always)]
    fn copy(&self, source: &mut [u32]) {
        let of = self.of;
        let (size, len) = (of.planes.input[0] * of.planes.input[1], of.planes.len());
        let channels = self.images.start * of.quads..self.images.end * of.quads;
        let (outside, source) = (of.outside ^ 0x8080_8080, &mut source[..channels.len() * len]);
        if len == 0 || size == 0 {
            return;
        }
        let x = self.x[channels.start * size..channels.end * size].chunks_exact(size);
        for (x, out) in x.zip(source.chunks_exact_mut(len)) {
            of.planes.fill(x, outside, out);
            out.iter_mut().for_each(|word| *word ^= 0x8080_8080);
        }
    }

    /// Computes all blocks of output channels for `V` vectors of pixels from vector `at` on.
    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // constant bounds, which unroll
    fn tile<D: Dot, const R: usize, const V: usize>(
        &self,
        place: &mut Place,
        at: usize,
        pixels: usize,
    ) -> usize {
        let of = self.of;
        let first = at * D::LANES;
        let count = (V * D::LANES).min(pixels - first);
        let mut position = [0; V];
        if place.direct {
            position.iter_mut().enumerate().for_each(|(v, p)| *p = self.position(first + v * D::LANES));
        } else {
            self.gather::<D>(place, first, count, V * D::LANES);
            position.iter_mut().enumerate().for_each(|(v, p)| *p = v * D::LANES);
        }
        let depth = of.offsets.len();
        for channel in (self.blocks.start * 8..(self.blocks.end * 8).min(of.outputs)).step_by(R) {
            // SAFETY: the panels have the weights of this block; offsets and positions stay inside of the planes or the panel.
            let sums = unsafe {
                let weights = self.weights.as_ptr().add(channel / PANEL * depth * PANEL + channel % PANEL);
                if place.direct {
                    sums::<D, R, V, false>(weights, place.source.as_ptr(), &of.offsets, position)
                } else {
                    sums::<D, R, V, true>(weights, place.panel.as_ptr(), &of.offsets, position)
                }
            };
            for quad in 0..R / QUAD {
                if channel + quad * QUAD >= of.outputs {
                    break;
                }
                for v in 0..V {
                    let of_quad = std::array::from_fn(|j| sums[quad * QUAD + j][v]);
                    let first = first + v * D::LANES;
                    let count = D::LANES.min(pixels.saturating_sub(first));
                    self.put::<D>(of_quad, channel / QUAD + quad, first, count);
                }
            }
        }
        V
    }

    /// The place in the planes of a pixel, counted over the images of the task.
    #[inline(always)]
    fn position(&self, pixel: usize) -> usize {
        let of = self.of;
        let (image, at) = (pixel / of.area, pixel % of.area);
        image * of.quads * of.planes.len() + at / of.grid.cols * of.planes.pitch + at % of.grid.cols
    }

    /// Copies `count` pixels from `first` on into the panel, `width` words for every offset.
    #[inline(always)]
    fn gather<D: Dot>(&self, place: &mut Place, first: usize, count: usize, width: usize) {
        let cols = self.of.grid.cols;
        // Runs of neighbours of a row, cut into vectors: their places in the source and in the tile. What a vector copies beyond its run is
        // overwritten by the next one.
        let mut runs = [(0, 0); WIDE];
        let (mut number, mut at) = (0, 0);
        while at < count {
            runs[number] = (self.position(first + at), at);
            number += 1;
            at += (cols - (first + at) % cols).min(D::LANES);
        }
        assert!(self.of.offsets.len() * width + LANES <= place.panel.len(), "the panel has room");
        for (k, &offset) in self.of.offsets.iter().enumerate() {
            for &(from, to) in &runs[..number] {
                assert!(offset + from + D::LANES <= place.source.len(), "planes and what follows them");
                // SAFETY: inside of the source and the panel, by the assertions.
                unsafe {
                    let (from, to) = (
                        place.source.as_ptr().add(offset + from),
                        place.panel.as_mut_ptr().add(k * width + to),
                    );
                    std::ptr::copy_nonoverlapping(from, to, D::LANES);
                }
            }
        }
    }

    /// Stores the results of one vector of pixels, `count` of them, of four channels.
    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // constant bounds, which unroll
    fn put<D: Dot>(&self, sums: [D::Sums; QUAD], quad: usize, first: usize, count: usize) {
        let (of, results) = (self.of, self.results);
        let epilogue = results.epilogue;
        let quads = of.outputs.div_ceil(QUAD);
        let added =
            if epilogue.residual { self.load::<D>(first, count, quads, quad) } else { D::Sums::splat(0) };
        let mut words = D::Sums::splat(0);
        for j in 0..QUAD {
            let o = quad * QUAD + j;
            // Words also have codes of channels beyond the last.
            if epilogue.codes.is_none() && o >= of.outputs {
                break;
            }
            let values = results.values(results.channel(o), sums[j], || added.byte(j));
            match epilogue.codes {
                Some(_) => words = words.with_byte(values.codes(epilogue.range()), j),
                None => {
                    let values = if epilogue.relu { values.relu() } else { values };
                    self.store::<D>(values, first, count, of.outputs, o);
                }
            }
        }
        if epilogue.codes.is_some() {
            self.store::<D>(words, first, count, quads, quad);
        }
    }

    /// Words of the residual.
    #[inline(always)]
    fn load<D: Dot>(&self, first: usize, count: usize, planes: usize, plane: usize) -> D::Sums {
        let from = self.results.residual;
        let mut lanes = [0; LANES];
        match self.run::<D>(first, count, planes, plane) {
            // SAFETY: all lanes are in the residual.
            Some(at) => unsafe { D::Sums::load(from[at..at + D::LANES].as_ptr()) },
            None => {
                self.each(first, count, planes, plane, |lane, at| lanes[lane] = from[at]);
                // SAFETY: no vector has more lanes.
                unsafe { D::Sums::load(lanes.as_ptr()) }
            }
        }
    }

    /// Writes a vector of pixels of a plane, of `planes` an image.
    #[inline(always)]
    fn store<D: Dot>(&self, words: D::Sums, first: usize, count: usize, planes: usize, plane: usize) {
        let y = self.results.y;
        match self.run::<D>(first, count, planes, plane) {
            // SAFETY: pixels of images and channels that only this task computes.
            Some(at) => unsafe { words.store(y.add(at)) },
            None => {
                let mut lanes = [0; LANES];
                // SAFETY: no vector has more lanes; as above.
                unsafe {
                    words.store(lanes.as_mut_ptr());
                    self.each(first, count, planes, plane, |lane, at| *y.add(at) = lanes[lane]);
                }
            }
        }
    }

    /// The place of the first pixel of a vector in a plane of `planes` an image, if all are in one image.
    #[inline(always)]
    fn run<D: Dot>(&self, first: usize, count: usize, planes: usize, plane: usize) -> Option<usize> {
        let area = self.of.area;
        let (image, at) = (self.images.start + first / area, first % area);
        (count == D::LANES && at + count <= area).then_some((image * planes + plane) * area + at)
    }

    /// Calls `f` with each lane of a vector and the place of its pixel.
    #[inline(always)]
    fn each(&self, first: usize, count: usize, planes: usize, plane: usize, mut f: impl FnMut(usize, usize)) {
        let area = self.of.area;
        for lane in 0..count {
            let (image, at) = (self.images.start + (first + lane) / area, (first + lane) % area);
            f(lane, (image * planes + plane) * area + at);
        }
    }
}

/// `sums[r][v]` is the sum over `k` of words `weights[k][r]` and `source[offsets[k] + position[v]..]`; with `PANELED`, the source of `k`
/// is `k * V` vectors into the panel instead.
///
/// # Safety
/// All of that is readable.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // constant bounds, which unroll
unsafe fn sums<D: Dot, const R: usize, const V: usize, const PANELED: bool>(
    weights: *const u32,
    source: *const u32,
    offsets: &[usize],
    position: [usize; V],
) -> [[D::Sums; V]; R] {
    let mut sums = [[D::Sums::splat(0); V]; R];
    for (k, &offset) in offsets.iter().enumerate() {
        // SAFETY: given.
        unsafe {
            let from = source.add(if PANELED { k * V * D::LANES } else { offset });
            let x: [D::Unsigned; V] = std::array::from_fn(|v| D::unsigned(from.add(position[v])));
            for r in 0..R {
                let w = D::signed_splat(*weights.add(k * PANEL + r));
                for v in 0..V {
                    sums[r][v] = D::add(sums[r][v], x[v], w);
                }
            }
        }
    }
    // Copied here, where indices are constants: with the caller's indices, the sums would live in memory.
    let mut out = [[D::Sums::splat(0); V]; R];
    for r in 0..R {
        for v in 0..V {
            out[r][v] = sums[r][v];
        }
    }
    out
}
