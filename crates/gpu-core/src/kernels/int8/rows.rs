//! The product of codes on the CPU. A vector has the words of neighbouring output channels, and a word of a row is repeated in all lanes.

use rayon::prelude::*;

use super::dot::{Dot, Level, Vector, WithDot};
use super::{PANEL, QUAD, Results, signed, unsigned};
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
        let mut sums = [[D::Sums::splat(0); V]; R];
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
                self.put::<D>(sums, self.rows.start + row + r, channel + v * D::LANES);
            }
        }
        R
    }

    /// Stores the results of one vector of output channels from `first` on.
    #[inline(always)]
    fn put<D: Dot>(&self, sums: D::Sums, row: usize, first: usize) {
        let (outputs, results) = (self.of.outputs, self.results);
        let epilogue = results.epilogue;
        let count = outputs.saturating_sub(first).min(D::LANES);
        if count == 0 {
            return;
        }
        let (words, of_row) = (count.div_ceil(QUAD), row * outputs.div_ceil(QUAD) + first / QUAD);
        let added = || {
            let mut lanes = [0u32; PANEL];
            for (i, lane) in lanes.iter_mut().enumerate().take(QUAD * words) {
                *lane = i32::from(signed(results.residual[of_row + i / QUAD], i % QUAD)).cast_unsigned();
            }
            // SAFETY: no vector has more lanes.
            unsafe { D::Sums::load(lanes.as_ptr()) }
        };
        let values = results.values(results.channels::<D>(first), sums, added);
        let mut lanes = [0u32; PANEL];
        if epilogue.codes.is_some() {
            // SAFETY: no vector has more lanes.
            unsafe { values.codes(epilogue.range()).store(lanes.as_mut_ptr()) };
            let bytes = lanes.map(|lane| lane as u8);
            // SAFETY: rows and channels that only this task computes.
            unsafe {
                results.y.add(of_row).cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), QUAD * words)
            };
            return;
        }
        let values = if epilogue.relu { values.relu() } else { values };
        // SAFETY: as above.
        unsafe {
            let to = results.y.add(row * outputs + first);
            if count == D::LANES {
                return values.store(to);
            }
            values.store(lanes.as_mut_ptr());
            to.copy_from_nonoverlapping(lanes.as_ptr(), count);
        }
    }
}
