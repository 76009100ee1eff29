//! The product of codes on the CPU. A vector has the words of neighbouring output channels, and a word of a row is repeated in all lanes.

use rayon::prelude::*;

use super::dot::{Dot, Level, WithDot};
use super::{PANEL, QUAD, Results, unsigned};
use crate::kernels::scratch::ScratchVec;

/// Rows of a task.
const ROWS: usize = 48;
/// Multiply-adds that are worth a task of their own.
const TASK: usize = 1 << 19;

/// The product of rows of words with panels of weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    pub rows: usize,
    /// Words of a row.
    pub quads: usize,
    pub outputs: usize,
}

impl Rows {
    /// Each task computes some panels of output channels for some rows.
    pub fn run_as(&self, level: Level, x: &[u32], weights: &[u32], results: &Results) {
        let panels = self.outputs.div_ceil(PANEL);
        let sets = self.rows.div_ceil(ROWS);
        let macs = self.rows.min(ROWS) * self.quads * QUAD * self.outputs;
        let parts = if sets >= 8 { 1 } else { (macs / TASK).clamp(1, panels.div_ceil(2).min(8)) };
        let run = |i: usize| {
            let (set, part) = (i / parts, i % parts);
            let rows = set * ROWS..((set + 1) * ROWS).min(self.rows);
            let panels = part * panels / parts..(part + 1) * panels / parts;
            level.run(Task { of: self, x, weights, results, rows, panels });
        };
        match sets * parts {
            1 => run(0),
            tasks => (0..tasks).into_par_iter().for_each(run),
        }
    }
}

struct Task<'a> {
    of: &'a Rows,
    x: &'a [u32],
    weights: &'a [u32],
    results: &'a Results<'a>,
    rows: std::ops::Range<usize>,
    panels: std::ops::Range<usize>,
}

impl WithDot for Task<'_> {
    #[inline(always)]
    fn with<D: Dot>(self) {
        let quads = self.of.quads;
        let mut x = ScratchVec::at_least(self.rows.len() * quads);
        unsigned(&self.x[self.rows.start * quads..self.rows.end * quads], &mut x);
        // Two vectors of output channels, in one panel or in two.
        let channels = self.panels.start * PANEL..(self.panels.end * PANEL).min(self.of.outputs);
        for channel in channels.clone().step_by(2 * D::LANES) {
            let last = channels.end - channel <= D::LANES;
            let mut row = 0;
            while row < self.rows.len() {
                let left = self.rows.len() - row;
                row += match (D::TILE.0, last) {
                    (8, false) if left >= 12 => self.tile::<D, 12, 2>(&x, row, channel),
                    (8, false) if left >= 8 => self.tile::<D, 8, 2>(&x, row, channel),
                    (8, true) if left >= 16 => self.tile::<D, 16, 1>(&x, row, channel),
                    (_, false) if left >= 4 => self.tile::<D, 4, 2>(&x, row, channel),
                    (_, false) if left >= 2 => self.tile::<D, 2, 2>(&x, row, channel),
                    (_, false) => self.tile::<D, 1, 2>(&x, row, channel),
                    (_, true) if left >= 4 => self.tile::<D, 4, 1>(&x, row, channel),
                    (_, true) => self.tile::<D, 1, 1>(&x, row, channel),
                };
            }
        }
    }
}

impl Task<'_> {
    /// Computes `R` rows from `row` on of `V` vectors of output channels.
    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // constant bounds, which unroll
    fn tile<D: Dot, const R: usize, const V: usize>(&self, x: &[u32], row: usize, channel: usize) -> usize {
        let quads = self.of.quads;
        let weights: [*const u32; V] = std::array::from_fn(|v| {
            let channel = channel + v * D::LANES;
            self.weights[channel / PANEL * quads * PANEL + channel % PANEL..].as_ptr()
        });
        assert!((row + R) * quads <= x.len(), "the rows are there");
        let x = x[row * quads..].as_ptr();
        let mut sums = [[D::zero(); V]; R];
        for k in 0..quads {
            // SAFETY: panels have a vector for every word of a row.
            unsafe {
                let w: [D::Signed; V] = std::array::from_fn(|v| D::signed(weights[v].add(k * PANEL)));
                for r in 0..R {
                    let x = D::unsigned_splat(*x.add(r * quads + k));
                    for v in 0..V {
                        sums[r][v] = D::add(sums[r][v], x, w[v]);
                    }
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (v, &sums) in sums.iter().enumerate() {
                self.put::<D>(D::lanes(sums), self.rows.start + row + r, channel + v * D::LANES);
            }
        }
        R
    }

    /// Stores the results of one vector of output channels from `first` on.
    #[inline(always)]
    fn put<D: Dot>(&self, sums: [i32; 16], row: usize, first: usize) {
        let (outputs, results) = (self.of.outputs, self.results);
        let count = outputs.saturating_sub(first).min(D::LANES);
        let (words, of_row) = (count.div_ceil(QUAD), row * outputs.div_ceil(QUAD) + first / QUAD);
        let mut added = [0u32; 4];
        if results.epilogue.residual {
            added[..words].copy_from_slice(&results.residual[of_row..of_row + words]);
        }
        let values = results.values::<D>(first, sums, bytemuck::cast(added.map(u32::to_le)));
        if results.epilogue.codes.is_none() {
            let least = if results.epilogue.relu { 0.0 } else { f32::MIN };
            let values = values.map(|value| value.max(least).to_bits());
            // SAFETY: rows and channels that only this task computes.
            unsafe { std::ptr::copy_nonoverlapping(values.as_ptr(), results.y.add(row * outputs + first), count) };
            return;
        }
        let range = results.epilogue.range();
        let codes: [u8; 16] = values.map(|value| Results::code(range, value) as u8);
        // SAFETY: as above.
        unsafe { std::ptr::copy_nonoverlapping(codes.as_ptr(), results.y.add(of_row).cast(), QUAD * words) };
    }
}
