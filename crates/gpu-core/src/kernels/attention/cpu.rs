//! Code shared by the forward and the backward pass on the CPU.
//!
//! Scores are kept transposed: a row of a tile is a key, and its lanes are queries. So the statistics of a query are
//! one lane of a vector, no sum goes across lanes, and only the queries (and their gradients) are packed.

use std::cell::RefCell;

use super::product::Matrix;
use super::{AttentionWindow, Problem, Rows};
use crate::DType;

/// Queries of a tile: two of the widest vectors.
pub(super) const LANES: usize = 32;
/// Keys of a tile.
pub(super) const KEYS: usize = 128;
/// Tasks that keep the threads busy.
pub(super) const TASKS: usize = 16;

/// A number for every query of a tile.
pub(super) type Lanes = [f32; LANES];

/// Memory that tasks write disjoint parts of.
#[derive(Clone, Copy)]
pub(super) struct Shared(pub *mut f32);
// SAFETY: tasks write disjoint elements.
unsafe impl Send for Shared {}
unsafe impl Sync for Shared {}

impl Shared {
    #[inline(always)]
    pub fn get(self) -> *mut f32 {
        self.0
    }
}

thread_local! {
    static BUFFER: RefCell<Vec<f32>> = const { RefCell::new(vec![]) };
}

/// Calls `f` with `size` floats of this thread's buffer. (Outside of vectorised code: a closure that passes through
/// `std` is compiled for the baseline processor.)
pub(super) fn with_buffer(size: usize, f: impl FnOnce(&mut [f32])) {
    BUFFER.with_borrow_mut(|buffer| {
        if buffer.len() < size {
            buffer.resize(size, 0.0);
        }
        f(&mut buffer[..size]);
    });
}

impl Rows {
    /// The matrix of a batch in memory that begins at `start`.
    #[inline(always)]
    pub(super) fn matrix(&self, start: *const f32, batch: usize) -> Matrix {
        let start = start.cast_mut().wrapping_add(self.batch.position(batch));
        Matrix { start, row: self.row, col: self.col }
    }

    /// Floats that [`neighbours`] needs for a matrix of `rows` and `cols`.
    pub(super) fn copied(&self, rows: usize, cols: usize) -> usize {
        if self.col == 1 { 0 } else { rows * cols }
    }
}

/// The matrix itself if its columns are contiguous, else a copy in `buffer`.
///
/// # Safety
/// `rows` and `cols` of the matrix are readable, and the buffer has room for the copy.
#[inline(always)]
pub(super) unsafe fn neighbours(x: Matrix, [rows, cols]: [usize; 2], buffer: &mut [f32]) -> Matrix {
    if x.col == 1 {
        return x;
    }
    for (i, out) in buffer[..rows * cols].chunks_exact_mut(cols.max(1)).enumerate() {
        for (j, out) in out.iter_mut().enumerate() {
            // SAFETY: given.
            *out = unsafe { *x.at(i, j) };
        }
    }
    Matrix::dense(buffer.as_mut_ptr(), cols)
}

/// `out[j][i] = scale x[i, j]` for `count` rows of `x`, and 0 in the remaining lanes.
///
/// # Safety
/// These rows are readable over the length of `out`.
#[inline(always)]
pub(super) unsafe fn pack(x: Matrix, count: usize, scale: f32, out: &mut [Lanes]) {
    for (j, out) in out.iter_mut().enumerate() {
        for (i, out) in out.iter_mut().enumerate() {
            // SAFETY: given.
            *out = if i < count { scale * unsafe { *x.at(i, j) } } else { 0.0 };
        }
    }
}

/// A tile of scores: its first query and key, and the queries in it.
#[derive(Clone, Copy)]
pub(super) struct ScoreTile {
    pub batch: usize,
    pub query: usize,
    pub count: usize,
    pub key: usize,
}

impl Problem {
    /// Applies the mask, and sets the scores of keys that a query does not see to minus infinity.
    #[inline(always)]
    pub(super) fn mask(&self, mask: &[u32], tile: ScoreTile, scores: &mut [Lanes]) {
        if let Some((dtype, rows)) = &self.mask {
            let base = rows.batch.position(tile.batch) as isize + tile.query as isize * rows.row;
            for (j, scores) in scores.iter_mut().enumerate() {
                let base = base + (tile.key + j) as isize * rows.col;
                for (i, score) in scores[..tile.count].iter_mut().enumerate() {
                    let word = mask[(base + i as isize * rows.row) as usize];
                    match dtype {
                        DType::F32 => *score += f32::from_bits(word),
                        _ if word == 0 => *score = f32::NEG_INFINITY,
                        _ => {}
                    }
                }
            }
        }
        if self.window != AttentionWindow::ALL {
            for (j, scores) in scores.iter_mut().enumerate() {
                let key = tile.key + j;
                let seen = self.window.of_keys().keys(key..key + 1, usize::MAX);
                let [start, end] = [seen.start, seen.end].map(|t| t.saturating_sub(tile.query).min(LANES));
                scores[..start].fill(f32::NEG_INFINITY);
                scores[end..].fill(f32::NEG_INFINITY);
            }
        }
    }
}
