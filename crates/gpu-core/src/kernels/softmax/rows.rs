//! Code shared by the kernels of the softmax family: work on rows.

use rayon::prelude::*;

use super::super::reduce::{Fold, MaxF32, SumF32, fold_slice};
use super::super::rows::row_shader;
use crate::Shader;
use crate::simd::vectorized;
use crate::vecmath::exp;
use crate::wgsl::{Source, wgsl};

/// A shader of the softmax family. `set` sets the constants specific to `text`.
pub(in crate::kernels) fn softmax_shader(
    text: &str,
    rows: usize,
    cols: usize,
    set: impl FnOnce(Source) -> Source,
) -> Shader {
    row_shader(set(Source::new(text)).with(wgsl!("softmax_rows")), rows, cols)
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

/// Writes `exp(x - max)` to `y`; returns `max` and the sum of the written values.
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
