//! The backward pass on the CPU. Each task owns the keys and values of one batch, or of a part of it if there are few batches; the parts'
//! gradients of the queries are then added in order.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::cpu::{KEYS, LANES, Lanes, ScoreTile, Shared, TASKS, neighbours, pack, with_buffer};
use super::product::{Matrix, product};
use super::{AttentionGrad, Problem};
use crate::kernels::scratch::ScratchVec;
use crate::vecmath::exp;

pub(super) fn run(of: &AttentionGrad, inputs: [&[f32]; 5], mask: &[u32], gradients: &mut [f32]) {
    let p = &of.problem;
    let [q, k, v, dy, stats] = inputs.map(<[f32]>::len);
    p.check([q, k, v]);
    of.dy.positions_fit(dy);
    [&of.dq, &of.dk, &of.dv].into_iter().for_each(|rows| rows.positions_fit(gradients.len()));
    if let Some((_, rows)) = &p.mask {
        rows.positions_fit(mask.len());
    }
    let (rows, own) = (p.batches() * p.queries, p.batches() * p.queries * p.features);
    assert!(2 * rows <= stats, "attention: room for the sums");
    // Parts of the keys of a batch; they depend on the shape only.
    let blocks = p.keys.div_ceil(KEYS);
    let parts = TASKS.div_ceil(p.batches().max(1)).min(blocks).max(1);
    let part = blocks.div_ceil(parts) * KEYS;
    let mut sums = ScratchVec::filled(0.0f32, if parts > 1 { parts * own } else { 0 });
    let shared = [gradients.as_mut_ptr(), sums.as_mut_ptr()].map(Shared);
    let copies = [p.k.copied(part, p.features), p.q.copied(LANES, p.features), of.dy.copied(LANES, p.values)];
    let size = LANES * (p.features + p.values + 2 * KEYS) + copies.iter().sum::<usize>();
    (0..p.batches() * parts).into_par_iter().for_each(|i| {
        let (batch, first) = (i / parts, i % parts * part);
        let keys = first.min(p.keys)..(first + part).min(p.keys);
        let [gradients, sums] = shared.map(Shared::get);
        let dq = if parts == 1 {
            of.dq.matrix(gradients, batch)
        } else {
            let at = (i % parts * p.batches() + batch) * p.queries * p.features;
            Matrix::dense(sums.wrapping_add(at), p.features)
        };
        let gradients = [dq, of.dk.matrix(gradients, batch), of.dv.matrix(gradients, batch)].map(Output);
        with_buffer(size, |buffer| {
            Arch::new().dispatch(Task { of, inputs, mask, gradients, copies, batch, keys, buffer });
        });
    });
    if parts > 1 {
        let gradients = shared[0];
        (0..p.batches()).into_par_iter().for_each(|batch| {
            let out = of.dq.matrix(gradients.get(), batch);
            for t in 0..p.queries {
                // SAFETY: rows of this batch, with contiguous columns.
                let out = unsafe { std::slice::from_raw_parts_mut(out.at(t, 0), p.features) };
                let at = (batch * p.queries + t) * p.features;
                out.copy_from_slice(&sums[at..][..p.features]);
                for sums in sums[own..].chunks_exact(own) {
                    out.iter_mut().zip(&sums[at..]).for_each(|(o, s)| *o += s);
                }
            }
        });
    }
}

/// A gradient that a task writes.
struct Output(Matrix);
// SAFETY: tasks write disjoint elements.
unsafe impl Send for Output {}

/// The backward pass over some keys of a batch.
struct Task<'a> {
    of: &'a AttentionGrad,
    inputs: [&'a [f32]; 5],
    mask: &'a [u32],
    gradients: [Output; 3],
    /// Floats for copies of keys, queries and the output's gradient.
    copies: [usize; 3],
    batch: usize,
    keys: Range<usize>,
    buffer: &'a mut [f32],
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (of, p, batch) = (self.of, &self.of.problem, self.batch);
        let [q, k, v, dy, _] = self.inputs.map(<[f32]>::as_ptr);
        let (q, k, v) = (p.q.matrix(q, batch), p.k.matrix(k, batch), p.v.matrix(v, batch));
        let dy = of.dy.matrix(dy, batch);
        let [Output(dq), Output(dk), Output(dv)] = self.gradients;
        let (packed_q, rest) = self.buffer.split_at_mut(LANES * p.features);
        let (packed_dy, rest) = rest.split_at_mut(LANES * p.values);
        let (scores, rest) = rest.split_at_mut(LANES * KEYS);
        let (slopes, rest) = rest.split_at_mut(LANES * KEYS);
        let (k_copy, rest) = rest.split_at_mut(self.copies[0]);
        let (q_copy, dy_copy) = rest.split_at_mut(self.copies[1]);
        let lanes = |x: &mut [f32]| Matrix::dense(x.as_mut_ptr(), LANES);
        let [q_lanes, dy_lanes, s_tile, d_tile] =
            [&mut *packed_q, &mut *packed_dy, &mut *scores, &mut *slopes].map(lanes);
        let (packed_q, packed_dy) = (packed_q.as_chunks_mut().0, packed_dy.as_chunks_mut().0);
        let (scores, slopes) = (scores.as_chunks_mut().0, slopes.as_chunks_mut().0);
        let (first, count) = (self.keys.start, self.keys.len());
        // SAFETY: all positions are inside of the arguments, checked by `run`; the tiles have room for `KEYS` rows; the
        // task writes gradients of its own keys, and gradients of queries to its own memory.
        unsafe {
            let k_rows = neighbours(k.rows(first), [count, p.features], k_copy);
            fill(dk.rows(first), [count, p.features]);
            fill(dv.rows(first), [count, p.values]);
            // The other queries see none of these keys.
            let seen = p.window.of_keys().keys(self.keys.clone(), p.queries);
            let seen = seen.start / LANES * LANES..seen.end;
            fill(dq, [seen.start, p.features]);
            fill(dq.rows(seen.end), [p.queries - seen.end, p.features]);
            for query in seen.clone().step_by(LANES) {
                let queries = LANES.min(seen.end - query);
                let (log_sums, deltas) = statistics(p, self.inputs[4], batch, query, queries);
                pack(q.rows(query), queries, p.scale, packed_q);
                pack(dy.rows(query), queries, 1.0, packed_dy);
                let q_rows = neighbours(q.rows(query), [queries, p.features], q_copy);
                let dy_rows = neighbours(dy.rows(query), [queries, p.values], dy_copy);
                let keys = p.window.keys(query..query + queries, self.keys.end);
                let keys = keys.start.max(first)..keys.end;
                if keys.is_empty() {
                    fill(dq.rows(query), [queries, p.features]);
                }
                for key in keys.clone().step_by(KEYS) {
                    let rows = KEYS.min(keys.end - key);
                    product(simd, [rows, LANES, p.features], k.rows(key), q_lanes, s_tile, false);
                    product(simd, [rows, LANES, p.values], v.rows(key), dy_lanes, d_tile, false);
                    let (scores, slopes) = (&mut scores[..rows], &mut slopes[..rows]);
                    p.mask(self.mask, ScoreTile { batch, query, count: queries, key }, scores);
                    differentiate(scores, slopes, &log_sums, &deltas);
                    product(simd, [rows, p.values, queries], s_tile, dy_rows, dv.rows(key), true);
                    product(simd, [rows, p.features, queries], d_tile, q_rows, dk.rows(key), true);
                    let size = [queries, p.features, rows];
                    let k_rows = k_rows.rows(key - first);
                    product(simd, size, d_tile.transposed(), k_rows, dq.rows(query), key > keys.start);
                }
                scale(dq.rows(query), [queries, p.features], p.scale);
            }
            scale(dk.rows(first), [count, p.features], p.scale);
        }
    }
}

/// Logarithms of the sums, and deltas, of a block of `count` queries.
#[inline(always)]
fn statistics(p: &Problem, stats: &[f32], batch: usize, query: usize, count: usize) -> (Lanes, Lanes) {
    let (all, at) = (p.batches() * p.queries, batch * p.queries + query);
    let (mut log_sums, mut deltas) = ([0.0; LANES], [0.0; LANES]);
    log_sums[..count].copy_from_slice(&stats[at..][..count]);
    deltas[..count].copy_from_slice(&stats[all + at..][..count]);
    (log_sums, deltas)
}

/// Turns scores into probabilities, and gradients of probabilities into gradients of scores.
#[inline(always)]
fn differentiate(scores: &mut [Lanes], slopes: &mut [Lanes], log_sums: &Lanes, deltas: &Lanes) {
    for (score, slope) in scores.iter_mut().zip(slopes) {
        for i in 0..LANES {
            score[i] = exp(score[i] - log_sums[i]);
            slope[i] = score[i] * (slope[i] - deltas[i]);
        }
    }
}

/// Calls `f` on every row of a matrix with contiguous columns.
///
/// # Safety
/// The rows are writable.
#[inline(always)]
unsafe fn each_row(x: Matrix, [rows, cols]: [usize; 2], f: impl Fn(&mut [f32])) {
    for i in 0..rows {
        // SAFETY: given.
        f(unsafe { std::slice::from_raw_parts_mut(x.at(i, 0), cols) });
    }
}

#[inline(always)]
unsafe fn fill(x: Matrix, size: [usize; 2]) {
    // SAFETY: given by the caller.
    unsafe {
        each_row(
            x,
            size,
            #[inline(always)]
            |row| row.fill(0.0),
        );
    }
}

#[inline(always)]
unsafe fn scale(x: Matrix, size: [usize; 2], factor: f32) {
    // SAFETY: given by the caller.
    unsafe {
        each_row(
            x,
            size,
            #[inline(always)]
            |row| row.iter_mut().for_each(|x| *x *= factor),
        );
    }
}
