//! What the kernels of the softmax family share: work on rows, and a fast exponential.

use rayon::prelude::*;

use super::super::reduce::{Fold, MaxF32, SumF32, fold_slice};
use crate::Shader;
use crate::simd::vectorized;
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

/// `e^x` to 2 units in the last place, without branches, so that loops over it are done in vectors. The polynomial
/// is Cephes', as in `math.wgsl`.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to an integer, which then is the low bits of the sum. NaN passes both comparisons.
    const ROUND: f32 = 12_582_912.0;
    let x = if x < -104.0 { -104.0 } else { x };
    let x = if x > 89.0 { 89.0 } else { x };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let whole = rounded - ROUND;
    let r = (x - whole * 0.693_359_4) + whole * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let y = p * r * r + r + 1.0;
    // Two factors: 2^n itself may be too small or too large for an f32.
    let power = |n: i32| f32::from_bits((n.wrapping_add(127) as u32) << 23);
    y * power(n >> 1) * power(n.wrapping_sub(n >> 1))
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn exp_is_good_to_two_units() {
        for i in 0..2_000_000 {
            let x = -103.0 + i as f32 * (191.7 / 2e6);
            let (got, want) = (f64::from(exp(x)), f64::from(x).exp());
            let unit = (want * f64::from(f32::EPSILON)).max(1.5e-45);
            assert!((got - want).abs() <= 2.0 * unit, "exp({x}) = {got}, not {want}");
        }
        assert_eq!([exp(f32::NEG_INFINITY), exp(-1e9), exp(0.0)], [0.0, 0.0, 1.0]);
        assert_eq!([exp(f32::INFINITY), exp(89.0)], [f32::INFINITY; 2]);
        assert!(exp(f32::NAN).is_nan());
    }
}
