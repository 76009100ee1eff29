//! The forward pass on the CPU.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::Attention;
use super::cpu::{KEYS, LANES, Lanes, ScoreTile, Shared, TASKS, neighbours, pack, with_buffer};
use super::product::{Matrix, product};
use crate::vecmath::exp;

pub(super) fn run(of: &Attention, inputs: [&[f32]; 3], mask: &[u32], y: &mut [f32], log_sums: &mut [f32]) {
    let p = &of.problem;
    p.check(inputs.map(<[f32]>::len));
    of.y.positions_fit(y.len());
    if let Some((_, rows)) = &p.mask {
        rows.positions_fit(mask.len());
    }
    assert!(p.batches() * p.queries <= log_sums.len(), "attention: room for the sums");
    // Parts of the queries of a batch; they depend on the shape only.
    let blocks = p.queries.div_ceil(LANES);
    let parts = TASKS.div_ceil(p.batches().max(1)).min(blocks).max(1);
    let block = blocks.div_ceil(parts) * LANES;
    let (y, log_sums) = (Shared(y.as_mut_ptr()), Shared(log_sums.as_mut_ptr()));
    let values = p.v.copied(p.keys, p.values);
    let size = LANES * (p.features + KEYS + p.values) + values;
    (0..p.batches() * parts).into_par_iter().for_each(|i| {
        let (batch, first) = (i / parts, i % parts * block);
        let queries = first.min(p.queries)..(first + block).min(p.queries);
        with_buffer(size, |buffer| {
            Arch::new().dispatch(Task { of, inputs, mask, y, log_sums, batch, queries, buffer });
        });
    });
}

/// The forward pass over some queries of a batch.
struct Task<'a> {
    of: &'a Attention,
    inputs: [&'a [f32]; 3],
    mask: &'a [u32],
    y: Shared,
    log_sums: Shared,
    batch: usize,
    queries: Range<usize>,
    buffer: &'a mut [f32],
}

/// The running softmax of a block of queries: largest scores, and sums of exponentials relative to these.
struct Running {
    top: Lanes,
    sum: Lanes,
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let p = &self.of.problem;
        let [q, k, v] = self.inputs.map(<[f32]>::as_ptr);
        let (q, k, v) = (p.q.matrix(q, self.batch), p.k.matrix(k, self.batch), p.v.matrix(v, self.batch));
        let (packed, rest) = self.buffer.split_at_mut(LANES * p.features);
        let (scores, rest) = rest.split_at_mut(LANES * KEYS);
        let (sums, copy) = rest.split_at_mut(LANES * p.values);
        let (packed, scores) = (packed.as_chunks_mut::<LANES>().0, scores.as_chunks_mut::<LANES>().0);
        // SAFETY: all positions are inside of the inputs, checked by `run`.
        let v = unsafe { neighbours(v, [p.keys, p.values], copy) };
        let (y, log_sums) = (self.of.y.matrix(self.y.get(), self.batch), self.log_sums.get());
        let sums = Matrix::dense(sums.as_mut_ptr(), p.values);
        for query in self.queries.clone().step_by(LANES) {
            let count = LANES.min(self.queries.end - query);
            let mut running = Running { top: [f32::NEG_INFINITY; LANES], sum: [0.0; LANES] };
            let keys = p.window.keys(query..query + count, p.keys);
            let packed_rows = Matrix::dense(packed.as_mut_ptr().cast(), LANES);
            // SAFETY: as above; the tile has room for `KEYS` rows, the sums for the queries.
            unsafe {
                pack(q.rows(query), count, p.scale, packed);
                for key in keys.clone().step_by(KEYS) {
                    let rows = KEYS.min(keys.end - key);
                    let tile = Matrix::dense(scores.as_mut_ptr().cast(), LANES);
                    let size = [rows, LANES, p.features];
                    product(simd, size, k.rows(key), packed_rows, tile, false);
                    p.mask(
                        self.mask,
                        ScoreTile { batch: self.batch, query, count, key },
                        &mut scores[..rows],
                    );
                    let fade = running.add(&mut scores[..rows]);
                    if key > keys.start {
                        scale(sums, [count, p.values], &fade);
                    }
                    let size = [count, p.values, rows];
                    product(simd, size, tile.transposed(), v.rows(key), sums, key > keys.start);
                }
                let row = log_sums.add(self.batch * p.queries + query);
                for i in 0..count {
                    *row.add(i) = running.log_sum(i);
                    finish(sums.rows(i), y.rows(query + i), p.values, running.sum[i]);
                }
            }
        }
    }
}

impl Running {
    /// Turns a tile of scores into exponentials; returns the factors by which to scale earlier sums.
    #[inline(always)]
    fn add(&mut self, scores: &mut [Lanes]) -> Lanes {
        let mut top = self.top;
        for row in scores.iter() {
            for (top, &x) in top.iter_mut().zip(row) {
                *top = if x > *top { x } else { *top };
            }
        }
        // If no key has been seen yet, any finite number is valid; infinities would give NaN.
        let base = top.map(|top| if top == f32::NEG_INFINITY { 0.0 } else { top });
        let mut fade = [0.0; LANES];
        for i in 0..LANES {
            fade[i] = exp(self.top[i] - base[i]);
        }
        let mut sum = [0.0; LANES];
        for row in scores {
            for i in 0..LANES {
                row[i] = exp(row[i] - base[i]);
                sum[i] += row[i];
            }
        }
        for i in 0..LANES {
            self.sum[i] = self.sum[i] * fade[i] + sum[i];
        }
        self.top = top;
        fade
    }

    #[inline(always)]
    fn log_sum(&self, i: usize) -> f32 {
        if self.sum[i] == 0.0 { 0.0 } else { self.top[i] + self.sum[i].ln() }
    }
}

/// Multiplies rows by their factors.
///
/// # Safety
/// The rows are writable.
#[inline(always)]
unsafe fn scale(x: Matrix, [rows, cols]: [usize; 2], factors: &Lanes) {
    for (i, factor) in factors.iter().enumerate().take(rows) {
        // SAFETY: given; columns are contiguous.
        let row = unsafe { std::slice::from_raw_parts_mut(x.at(i, 0), cols) };
        row.iter_mut().for_each(|x| *x *= factor);
    }
}

/// Writes a row of the output: `sums / sum`, or zeros for an empty sum.
///
/// # Safety
/// The rows are readable and writable.
#[inline(always)]
unsafe fn finish(sums: Matrix, y: Matrix, cols: usize, sum: f32) {
    let factor = 1.0 / sum;
    let value = |s: f32| if sum == 0.0 { 0.0 } else { s * factor };
    // SAFETY: given; columns of the sums are contiguous.
    unsafe {
        let sums = std::slice::from_raw_parts(sums.start, cols);
        if y.col == 1 {
            let y = std::slice::from_raw_parts_mut(y.start, cols);
            return y.iter_mut().zip(sums).for_each(|(y, s)| *y = value(*s));
        }
        sums.iter().enumerate().for_each(|(j, s)| *y.at(0, j) = value(*s));
    }
}
