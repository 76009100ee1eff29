//! Reductions on the CPU. The work is split by shapes only, so results do not depend on the number of threads.

use rayon::prelude::*;

use super::{Reduce, ReduceOp, by_columns, inner};
use crate::Layout;
use crate::kernels::prologue::{Element, Operand, Prologue, Reader};
use crate::kernels::scratch::{Pooled, ScratchVec};
use crate::simd::vectorized;

/// An associative operation on elements `T`: blocks are folded in `T`, and the blocks' results in `Wide`.
pub(in crate::kernels) trait Fold {
    type T: Element + Send + Sync;
    type Wide: Copy + Pooled + Send + Sync;
    const START: Self::T;
    const WIDE: Self::Wide;
    /// Whether the fold is compiled for every vector width, not only the smallest. As each takes time to build, only those that training
    /// steps use are.
    const WIDEST: bool;
    fn step(a: Self::T, b: Self::T) -> Self::T;
    fn merge(a: Self::Wide, b: Self::Wide) -> Self::Wide;
    fn widen(x: Self::T) -> Self::Wide;
    fn narrow(x: Self::Wide) -> Self::T;
    /// Equality, under which NaN equals NaN.
    fn same(a: Self::T, b: Self::T) -> bool;

    /// Runs `f` in vectors.
    #[inline(always)]
    fn vectorized<R>(f: impl FnOnce() -> R) -> R {
        if Self::WIDEST { vectorized(f) } else { f() }
    }
}

macro_rules! fold {
    ($name:ident, $t:ty, $wide:ty, $start:expr, $widest:expr, |$a:ident, $b:ident| $step:expr, $same:expr) => {
        pub(in crate::kernels) struct $name;

        impl Fold for $name {
            type T = $t;
            type Wide = $wide;
            const START: $t = $start;
            const WIDE: $wide = $start as $wide;
            const WIDEST: bool = $widest;
            #[inline(always)]
            fn step($a: $t, $b: $t) -> $t {
                $step
            }
            #[inline(always)]
            fn merge($a: $wide, $b: $wide) -> $wide {
                $step
            }
            #[inline(always)]
            fn widen(x: $t) -> $wide {
                x as $wide
            }
            #[inline(always)]
            fn narrow(x: $wide) -> $t {
                x as $t
            }
            #[inline(always)]
            fn same(a: $t, b: $t) -> bool {
                $same(a, b)
            }
        }
    };
}

#[inline(always)]
fn same_float(a: f32, b: f32) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}

#[inline(always)]
fn same_word<T: PartialEq>(a: T, b: T) -> bool {
    a == b
}

fold!(SumF32, f32, f64, 0.0, true, |a, b| a + b, same_float);
fold!(ProdF32, f32, f64, 1.0, false, |a, b| a * b, same_float);
fold!(MaxF32, f32, f32, f32::NEG_INFINITY, true, |a, b| if b > a || b.is_nan() { b } else { a }, same_float);
fold!(MinF32, f32, f32, f32::INFINITY, true, |a, b| if b < a || b.is_nan() { b } else { a }, same_float);
fold!(SumU32, u32, u32, 0, false, |a, b| a.wrapping_add(b), same_word);
fold!(ProdU32, u32, u32, 1, false, |a, b| a.wrapping_mul(b), same_word);
fold!(MaxU32, u32, u32, 0, false, |a, b| a.max(b), same_word);
fold!(MinU32, u32, u32, u32::MAX, false, |a, b| a.min(b), same_word);
fold!(MaxI32, i32, i32, i32::MIN, false, |a, b| a.max(b), same_word);
fold!(MinI32, i32, i32, i32::MAX, false, |a, b| a.min(b), same_word);

/// Elements folded side by side: four of the widest vectors.
const LANES: usize = 64;
/// Elements (32 per lane) per block; the blocks' results are folded in the wide type.
const BLOCK: usize = 2048;
/// Columns folded side by side.
const COLUMNS: usize = 512;
/// Rows folded before columns are folded in the wide type.
const ROWS: usize = 128;
/// Elements below which a second thread does not pay.
const GRAIN: usize = 32_768;

/// Folds all of `x`.
#[inline(always)]
pub(in crate::kernels) fn fold_slice<F: Fold>(x: &[F::T]) -> F::Wide {
    if x.len() >= LANES {
        return x.chunks(BLOCK).fold(F::WIDE, |a, x| F::merge(a, F::widen(fold_lanes::<F, LANES>(x))));
    }
    if x.len() >= 16 {
        return F::widen(fold_lanes::<F, 16>(x));
    }
    F::widen(x.iter().fold(F::START, |a, &b| F::step(a, b)))
}

/// Folds a block, in `L` lanes.
#[inline(always)]
fn fold_lanes<F: Fold, const L: usize>(x: &[F::T]) -> F::T {
    let mut lanes = [F::START; L];
    let (parts, rest) = x.as_chunks::<L>();
    for part in parts {
        for (lane, &v) in lanes.iter_mut().zip(part) {
            *lane = F::step(*lane, v);
        }
    }
    for (lane, &v) in lanes.iter_mut().zip(rest) {
        *lane = F::step(*lane, v);
    }
    let mut half = L / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = F::step(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// Folds `x[r * stride + j]` for all `r < rows` into `acc[j]`.
#[inline(always)]
fn fold_rows<F: Fold>(x: &[F::T], stride: usize, rows: usize, acc: &mut [F::T]) {
    let width = acc.len();
    let row = |r: usize| &x[r * stride..][..width];
    for r in (0..rows / 4 * 4).step_by(4) {
        let (a, b, c, d) = (row(r), row(r + 1), row(r + 2), row(r + 3));
        for j in 0..width {
            acc[j] = F::step(acc[j], F::step(F::step(a[j], b[j]), F::step(c[j], d[j])));
        }
    }
    for r in rows / 4 * 4..rows {
        for (acc, &v) in acc.iter_mut().zip(row(r)) {
            *acc = F::step(*acc, v);
        }
    }
}

/// Folds `x[r * stride + j]` for all `r < rows` into `wide[j]`, for at most [`COLUMNS`] columns.
#[inline(always)]
fn fold_columns<F: Fold>(x: &[F::T], stride: usize, rows: usize, wide: &mut [F::Wide]) {
    let width = wide.len();
    // Several dense short rows are handled as one long row.
    let group = if stride == width { (COLUMNS / 2 / width).max(1) } else { 1 };
    for r in (0..rows).step_by(ROWS * group) {
        let n = (rows - r).min(ROWS * group);
        let mut acc = [F::START; COLUMNS];
        fold_rows::<F>(&x[r * stride..], stride * group, n / group, &mut acc[..width * group]);
        if !n.is_multiple_of(group) {
            fold_rows::<F>(&x[(r + n / group * group) * stride..], stride, n % group, &mut acc[..width]);
        }
        for acc in acc[..width * group].chunks_exact(width) {
            for (w, &v) in wide.iter_mut().zip(acc) {
                *w = F::merge(*w, F::widen(v));
            }
        }
    }
}

/// Visits the positions of elements `start..end` as runs of `(position, stride, length)` until one visit says `false`.
#[inline(always)]
fn runs(layout: &Layout, start: usize, end: usize, mut visit: impl FnMut(isize, isize, usize) -> bool) {
    let (size, stride) = inner(layout);
    let mut at = start;
    while at < end {
        let run = (size - at % size).min(end - at);
        if !visit(position(layout, at), stride, run) {
            return;
        }
        at += run;
    }
}

/// As [`Layout::position`], which for the reduced part of a position may be negative.
#[inline(always)]
fn position(layout: &Layout, mut index: usize) -> isize {
    let mut at = layout.offset() as isize;
    for (&size, &stride) in layout.shape().iter().zip(layout.strides()).rev() {
        at += (index % size) as isize * stride;
        index /= size;
    }
    at
}

/// Cuts `out` into blocks and runs `f(first element, block)` on each.
fn for_blocks<T: Send>(out: &mut [T], block: usize, parallel: bool, f: &(dyn Fn(usize, &mut [T]) + Sync)) {
    if parallel {
        out.par_chunks_mut(block).enumerate().for_each(|(b, out)| f(b * block, out));
    } else {
        out.chunks_mut(block).enumerate().for_each(|(b, out)| f(b * block, out));
    }
}

impl Reduce {
    /// Sum, product and extremes.
    pub(super) fn values<F: Fold>(&self, x: &Operand, out: &mut [F::T]) {
        let (kept, reduced) = (self.kept.numel(), self.reduced.numel());
        let out = &mut out[..kept];
        if kept == 0 || reduced == 0 {
            return out.fill(F::narrow(F::WIDE));
        }
        let columns = by_columns(&self.kept, &self.reduced);
        let block = if columns { 2 * COLUMNS } else { (GRAIN / 2 / reduced).clamp(1, 1024) };
        let parallel = kept * reduced > GRAIN;
        let blocks = kept.div_ceil(block);
        if blocks >= 8 || !parallel {
            return for_blocks(out, block, parallel, &|first, out| {
                let mut wide = [F::WIDE; 1024];
                let wide = &mut wide[..out.len()];
                self.part::<F>(x, first, 0, reduced, wide);
                out.iter_mut().zip(wide).for_each(|(o, w)| *o = F::narrow(*w));
            });
        }
        // Few outputs: parts of the reduced elements, each for all outputs.
        let splits = (kept * reduced / GRAIN).clamp(1, 16).min(reduced);
        let len = reduced.div_ceil(splits);
        let mut parts = ScratchVec::filled(F::WIDE, splits * kept);
        for_blocks(&mut parts, kept, true, &|first, wide| {
            let start = (first / kept * len).min(reduced);
            let end = (start + len).min(reduced);
            self.part::<F>(x, 0, start, end, wide);
        });
        for (o, value) in out.iter_mut().enumerate() {
            let all = parts[o..].iter().step_by(kept);
            *value = F::narrow(all.fold(F::WIDE, |a, &b| F::merge(a, b)));
        }
    }

    /// Folds reduced elements `start..end` of outputs `first..` into `wide`.
    fn part<F: Fold>(&self, x: &Operand, first: usize, start: usize, end: usize, wide: &mut [F::Wide]) {
        let columns = by_columns(&self.kept, &self.reduced);
        match x.plain() {
            Some(x) => F::vectorized(
                #[inline(always)]
                || self.plain_part::<F>(columns, x, first, start, end, wide),
            ),
            None if columns => self.computed_columns::<F>(x.reader(), first, start, end, wide),
            None => self.computed_rows::<F>(x.reader(), first, start, end, wide),
        }
    }

    /// As [`part`](Reduce::part) of computed elements `[reduced][kept]`, in tiles of some rows of some outputs.
    fn computed_columns<F: Fold>(
        &self,
        mut x: Reader<F::T>,
        first: usize,
        start: usize,
        end: usize,
        wide: &mut [F::Wide],
    ) {
        let kept = self.kept.numel();
        let mut tile = [F::START; 2 * BLOCK];
        for (c, wide) in wide.chunks_mut(COLUMNS).enumerate() {
            let (width, first) = (wide.len(), first + c * COLUMNS);
            for r in (start..end).step_by(tile.len() / width) {
                let rows = (tile.len() / width).min(end - r);
                let tile = &mut tile[..rows * width];
                if width == kept {
                    x.copy(r * kept, tile);
                } else {
                    let rows = tile.chunks_exact_mut(width).enumerate();
                    rows.for_each(|(i, out)| x.copy((r + i) * kept + first, out));
                }
                F::vectorized(
                    #[inline(always)]
                    || fold_columns::<F>(tile, width, rows, wide),
                );
            }
        }
    }

    /// As [`part`](Reduce::part) of computed elements `[kept][reduced]`.
    fn computed_rows<F: Fold>(
        &self,
        mut x: Reader<F::T>,
        first: usize,
        start: usize,
        end: usize,
        wide: &mut [F::Wide],
    ) {
        let (reduced, len) = (self.reduced.numel(), end - start);
        // Whole short rows are computed together.
        let together = if len == reduced { (BLOCK / len).max(1) } else { 1 };
        for (g, wide) in wide.chunks_mut(together).enumerate() {
            let base = (first + g * together) * reduced + start;
            let total = wide.len() * len;
            for at in (0..total).step_by(BLOCK) {
                let values = x.read(base + at, BLOCK.min(total - at));
                F::vectorized(
                    #[inline(always)]
                    || {
                        for (wide, values) in wide.iter_mut().zip(values.chunks(len)) {
                            *wide = F::merge(*wide, fold_slice::<F>(values));
                        }
                    },
                );
            }
        }
    }

    /// As [`part`](Reduce::part) of elements in memory.
    #[inline(always)]
    fn plain_part<F: Fold>(
        &self,
        columns: bool,
        x: &[F::T],
        first: usize,
        start: usize,
        end: usize,
        wide: &mut [F::Wide],
    ) {
        if columns {
            let mut done = 0;
            runs(&self.kept, first, first + wide.len(), |base, _, len| {
                for (c, wide) in wide[done..done + len].chunks_mut(COLUMNS).enumerate() {
                    runs(&self.reduced, start, end, |at, stride, rows| {
                        let from = (base + at) as usize + c * COLUMNS;
                        fold_columns::<F>(&x[from..], stride as usize, rows, wide);
                        true
                    });
                }
                done += len;
                true
            });
            return;
        }
        for (o, wide) in wide.iter_mut().enumerate() {
            let base = position(&self.kept, first + o);
            runs(&self.reduced, start, end, |at, stride, len| {
                *wide = F::merge(*wide, fold_run::<F>(x, base + at, stride, len));
                true
            });
        }
    }

    /// The reduction to extremes, with the elements in the order that suits values.
    fn extremes(&self) -> Reduce {
        if !self.input.is_plain() {
            return self.clone();
        }
        let shape = [self.kept.shape(), self.reduced.shape()].concat();
        let strides = [self.kept.strides(), self.reduced.strides()].concat();
        let layout = Layout::new(shape, strides, self.kept.offset());
        Reduce::new(ReduceOp::Max, Prologue::plain(self.input.dtype(), layout), self.kept.rank())
    }

    /// Positions of the extremes that `F` finds: first the extremes, then their positions, both vectorised.
    pub(super) fn positions<F: Fold>(&self, x: &Operand, out: &mut [i32]) {
        let (kept, reduced) = (self.kept.numel(), self.reduced.numel());
        let mut values = ScratchVec::filled(F::START, kept);
        self.extremes().values::<F>(x, &mut values);
        let block = (GRAIN / reduced.max(1)).clamp(1, 1024);
        for_blocks(&mut out[..kept], block, kept * reduced > GRAIN, &|first, out| {
            let mut reader = x.reader();
            for (o, out) in out.iter_mut().enumerate() {
                *out = match x.plain() {
                    Some(x) => self.find::<F>(x, first + o, values[first + o]),
                    None => self.find_computed::<F>(&mut reader, first + o, values[first + o]),
                };
            }
        });
    }

    /// Number of the first reduced element of output `o` that is `value`.
    fn find<F: Fold>(&self, x: &[F::T], o: usize, value: F::T) -> i32 {
        let (base, mut before, mut found) = (position(&self.kept, o), 0, None);
        runs(&self.reduced, 0, self.reduced.numel(), |at, stride, len| {
            let at = base + at;
            found = if stride == 1 {
                find_in::<F>(&x[at as usize..][..len], value)
            } else {
                (0..len).find(|&i| F::same(x[(at + i as isize * stride) as usize], value))
            };
            before += if found.is_none() { len } else { 0 };
            found.is_none()
        });
        (before + found.unwrap_or(0)) as i32
    }

    /// As [`find`](Reduce::find) of computed elements `[kept][reduced]`.
    fn find_computed<F: Fold>(&self, x: &mut Reader<F::T>, o: usize, value: F::T) -> i32 {
        let reduced = self.reduced.numel();
        let mut blocks = (0..reduced).step_by(BLOCK);
        let found = blocks.find_map(|at| {
            let values = x.read(o * reduced + at, BLOCK.min(reduced - at));
            find_in::<F>(values, value).map(|i| at + i)
        });
        found.unwrap_or(0) as i32
    }
}

/// Folds one run of elements.
#[inline(always)]
fn fold_run<F: Fold>(x: &[F::T], at: isize, stride: isize, len: usize) -> F::Wide {
    if stride == 1 {
        return fold_slice::<F>(&x[at as usize..][..len]);
    }
    let value = |i: usize| F::widen(x[(at + i as isize * stride) as usize]);
    (0..len).fold(F::WIDE, |a, i| F::merge(a, value(i)))
}

/// The first element that is `value`.
fn find_in<F: Fold>(x: &[F::T], value: F::T) -> Option<usize> {
    F::vectorized(
        #[inline(always)]
        || {
            for (b, block) in x.chunks(4 * LANES).enumerate() {
                // Without a branch per element, so that the loop is vectorised.
                if block.iter().fold(false, |any, &v| any | F::same(v, value)) {
                    return block.iter().position(|&v| F::same(v, value)).map(|i| b * 4 * LANES + i);
                }
            }
            None
        },
    )
}
