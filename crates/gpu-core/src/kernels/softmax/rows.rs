//! What the kernels of the softmax family share: work on rows.

use rayon::prelude::*;

use super::super::reduce::{Fold, MaxF32, SumF32, fold_slice};
use crate::Shader;
use crate::simd::vectorized;
use crate::vecmath::exp;
use crate::wgsl::{Source, wgsl};

/// Columns up to which one invocation of a GPU handles a row by itself.
const ALONE: usize = 128;

/// A shader that handles a row by one invocation, or by a workgroup when there are many columns. `set` sets the other
/// constants of `text`.
pub(in crate::kernels) fn row_shader(
    text: &str,
    rows: usize,
    cols: usize,
    set: impl FnOnce(Source) -> Source,
) -> Shader {
    let lanes = if cols <= ALONE { 1 } else { 64 };
    let mut library = Source::new(wgsl!("softmax_rows"));
    if lanes == 1 {
        let alone = |name| format!("fn {name}(lane: u32, x: f32) -> f32 {{\n    return x;\n}}\n");
        library = library.block("lanes", &(alone("all_max") + &alone("all_sum")));
    }
    let source = Source::new(text)
        .set("ROWS", rows)
        .set("LAST", rows.saturating_sub(1))
        .set("COLS", cols.max(1))
        .set("LANES", lanes);
    let source = set(source).with(&library.finish()).with(wgsl!("math"));
    Shader::linear(source.finish(), rows * lanes, 64)
}

/// Runs `f(first row, rows of out)` on blocks of rows of `width` elements, each handling rows of `cols`.
pub(in crate::kernels) fn for_rows(
    out: &mut [f32],
    rows: usize,
    width: usize,
    cols: usize,
    f: impl Fn(usize, &mut [f32]) + Sync,
) {
    if rows * cols == 0 {
        return;
    }
    let block = (8192 / cols).max(1);
    let one = |(b, out): (usize, &mut [f32])| {
        vectorized(
            #[inline(always)]
            || f(b * block, out),
        );
    };
    let out = &mut out[..rows * width];
    if rows <= block {
        one((0, out));
    } else {
        out.par_chunks_mut(block * width).enumerate().for_each(one);
    }
}

/// Sum of `f` over a row.
#[inline(always)]
pub(in crate::kernels) fn sum_of(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let (mut total, mut values) = (SumF32::WIDE, [0f32; 256]);
    for x in x.chunks(256) {
        let values = &mut values[..x.len()];
        values.iter_mut().zip(x).for_each(|(v, &x)| *v = f(x));
        total += fold_slice::<SumF32>(values);
    }
    SumF32::narrow(total)
}

/// Writes `exp(x - max)` to `y`; returns `max` and the sum of what it wrote.
#[inline(always)]
pub(in crate::kernels) fn max_and_exps(x: &[f32], y: &mut [f32]) -> (f32, f32) {
    let max = fold_slice::<MaxF32>(x);
    y.iter_mut().zip(x).for_each(|(y, &x)| *y = exp(x - max));
    (max, SumF32::narrow(fold_slice::<SumF32>(y)))
}

/// The largest element, and the logarithm of the sum of `exp(x - max)`.
#[inline(always)]
pub(in crate::kernels) fn log_sum_exp(x: &[f32]) -> (f32, f32) {
    let max = fold_slice::<MaxF32>(x);
    (max, sum_of(x, |x| exp(x - max)).ln())
}
