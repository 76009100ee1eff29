//! The scalar functions of programs, on slices of words. An operand of length 1 is the same for every element.

use crate::DType;
use crate::kernels::program::{Binary, Unary};
use crate::simd::vectorized;
use crate::vecmath;

/// Applies `f` to every element, in the widest vectors. The loop is a statement, since an iterator's `for_each` may stay a function of its own,
/// which is compiled for the baseline processor.
#[inline(always)]
fn map1<A: bytemuck::Pod, R: bytemuck::Pod>(a: &[u32], out: &mut [u32], f: impl Fn(A) -> R) {
    let (a, out): (&[A], &mut [R]) = (bytemuck::cast_slice(a), bytemuck::cast_slice_mut(out));
    vectorized(
        #[inline(always)]
        || {
            for (o, &a) in out.iter_mut().zip(a) {
                *o = f(a);
            }
        },
    );
}

/// [`map1`] of a function of [`vecmath`] on f32. The function itself, as an argument, might stay a call to one for the baseline processor.
macro_rules! inlined {
    ($a:expr, $out:expr, $f:ident) => {
        map1(
            $a,
            $out,
            #[inline(always)]
            |x: f32| vecmath::$f(x),
        )
    };
}

/// As [`map1`] for a function of the C library, which is one call per element.
fn calls(a: &[u32], out: &mut [u32], f: fn(f32) -> f32) {
    let (a, out): (&[f32], &mut [f32]) = (bytemuck::cast_slice(a), bytemuck::cast_slice_mut(out));
    out.iter_mut().zip(a).for_each(|(o, &a)| *o = f(a));
}

#[inline(always)]
fn map2<A: bytemuck::Pod, R: bytemuck::Pod>(a: &[u32], b: &[u32], out: &mut [u32], f: impl Fn(A, A) -> R) {
    let (a, b): (&[A], &[A]) = (bytemuck::cast_slice(a), bytemuck::cast_slice(b));
    let out: &mut [R] = bytemuck::cast_slice_mut(out);
    vectorized(
        #[inline(always)]
        || match (a, b) {
            (_, &[b]) => out.iter_mut().zip(a).for_each(|(o, &a)| *o = f(a, b)),
            (&[a], _) => out.iter_mut().zip(b).for_each(|(o, &b)| *o = f(a, b)),
            _ => out.iter_mut().zip(a.iter().zip(b)).for_each(|(o, (&a, &b))| *o = f(a, b)),
        },
    );
}

/// `out[i] = if c[i] { a[i] } else { b[i] }`.
pub(super) fn select(c: &[u32], a: &[u32], b: &[u32], out: &mut [u32]) {
    fn spread(x: &[u32], n: usize) -> (u32, &[u32]) {
        if x.len() == 1 { (x[0], &[]) } else { (0, &x[..n]) }
    }
    let n = out.len();
    let ((c1, c), (a1, a), (b1, b)) = (spread(c, n), spread(a, n), spread(b, n));
    let pick = |c: u32, a: u32, b: u32| if c != 0 { a } else { b };
    vectorized(
        #[inline(always)]
        || match (c.is_empty(), a.is_empty(), b.is_empty()) {
            (false, false, false) => (0..n).for_each(|i| out[i] = pick(c[i], a[i], b[i])),
            (false, false, true) => (0..n).for_each(|i| out[i] = pick(c[i], a[i], b1)),
            (false, true, false) => (0..n).for_each(|i| out[i] = pick(c[i], a1, b[i])),
            (false, true, true) => (0..n).for_each(|i| out[i] = pick(c[i], a1, b1)),
            (true, a_one, b_one) => {
                let (one, value, many) = if c1 != 0 { (a_one, a1, a) } else { (b_one, b1, b) };
                if one { out.fill(value) } else { out.copy_from_slice(many) }
            }
        },
    );
}

pub(super) fn unary(op: Unary, t: DType, a: &[u32], out: &mut [u32]) {
    match (op, t) {
        (Unary::Cast(to), _) => cast(t, to, a, out),
        (_, DType::F32) => unary_f32(op, a, out),
        (Unary::Not, _) => map1(a, out, |x: u32| u32::from(x == 0)),
        (Unary::Neg, _) => map1(a, out, i32::wrapping_neg),
        (Unary::Abs, DType::I32) => map1(a, out, i32::wrapping_abs),
        (Unary::Sign, DType::I32) => map1(a, out, i32::signum),
        _ => panic!("{op:?} of {t}"),
    }
}

fn unary_f32(op: Unary, a: &[u32], out: &mut [u32]) {
    use Unary::*;
    type F = f32;
    match op {
        Neg => map1(a, out, |x: F| -x),
        Abs => map1(a, out, F::abs),
        Sign => map1(a, out, |x: F| -> F {
            if x > 0.0 {
                1.0
            } else if x < 0.0 {
                -1.0
            } else {
                0.0
            }
        }),
        Recip => map1(a, out, |x: F| 1.0 / x),
        Sqrt => map1(a, out, F::sqrt),
        Rsqrt => map1(a, out, |x: F| 1.0 / x.sqrt()),
        Exp => inlined!(a, out, exp),
        Expm1 => inlined!(a, out, expm1),
        Log => inlined!(a, out, log),
        Log1p => inlined!(a, out, log1p),
        Sin => angles(a, out, vecmath::sin, F::sin),
        Cos => angles(a, out, vecmath::cos, F::cos),
        Tan => calls(a, out, F::tan),
        Asin => calls(a, out, F::asin),
        Acos => calls(a, out, F::acos),
        Atan => calls(a, out, F::atan),
        Sinh => calls(a, out, F::sinh),
        Cosh => calls(a, out, F::cosh),
        Asinh => calls(a, out, F::asinh),
        Acosh => calls(a, out, F::acosh),
        Atanh => calls(a, out, F::atanh),
        Tanh => inlined!(a, out, tanh),
        Erf => inlined!(a, out, erf),
        Erfc => inlined!(a, out, erfc),
        Sigmoid => inlined!(a, out, sigmoid),
        Relu => map1(a, out, |x: F| if x <= 0.0 { 0.0 } else { x }),
        GeluTanh => inlined!(a, out, gelu_tanh),
        GeluTanhGrad => inlined!(a, out, gelu_tanh_grad),
        Floor => map1(a, out, F::floor),
        Ceil => map1(a, out, F::ceil),
        Round => map1(a, out, F::round_ties_even),
        Trunc => map1(a, out, F::trunc),
        AsHalf(half) if a.len() == 1 => {
            let mut one = [0];
            half.round(a, &mut one);
            out.fill(one[0]);
        }
        AsHalf(half) => half.round(a, out),
        IsNan => map1(a, out, |x: F| u32::from(x.is_nan())),
        IsInf => map1(a, out, |x: F| u32::from(x.is_infinite())),
        Not | Cast(_) => panic!("{op:?} of f32"),
    }
}

/// Applies `fast`, which is for angles of moderate size, to blocks without a larger one, and `exact` to others.
#[inline(always)]
fn angles(a: &[u32], out: &mut [u32], fast: impl Fn(f32) -> f32, exact: fn(f32) -> f32) {
    let most = vecmath::MOST_RADIANS.to_bits();
    let largest = vectorized(
        #[inline(always)]
        || a.iter().fold(0, |largest, &x| (x & 0x7fff_ffff).max(largest)),
    );
    if largest <= most { map1(a, out, fast) } else { calls(a, out, exact) }
}

fn cast(from: DType, to: DType, a: &[u32], out: &mut [u32]) {
    use DType::*;
    match (from, to) {
        (F32, I32) => map1(a, out, |x: f32| x as i32),
        (F32, U32) => map1(a, out, |x: f32| x as u32),
        (F32, Bool) => map1(a, out, |x: f32| u32::from(x != 0.0)),
        (I32, F32) => map1(a, out, |x: i32| x as f32),
        (U32 | Bool, F32) => map1(a, out, |x: u32| x as f32),
        (I32 | U32, Bool) => map1(a, out, |x: u32| u32::from(x != 0)),
        _ => out.copy_from_slice(a),
    }
}

pub(super) fn binary(op: Binary, t: DType, a: &[u32], b: &[u32], out: &mut [u32]) {
    match t {
        DType::F32 => binary_f32(op, a, b, out),
        DType::I32 => binary_i32(op, a, b, out),
        DType::U32 | DType::Bool => binary_u32(op, a, b, out),
    }
}

fn binary_f32(op: Binary, a: &[u32], b: &[u32], out: &mut [u32]) {
    use Binary::*;
    type F = f32;
    match op {
        Add => map2(a, b, out, |x: F, y| x + y),
        Sub => map2(a, b, out, |x: F, y| x - y),
        Mul => map2(a, b, out, |x: F, y| x * y),
        Div => map2(a, b, out, |x: F, y| x / y),
        Pow => map2(a, b, out, F::powf),
        Atan2 => map2(a, b, out, F::atan2),
        Fmod => map2(a, b, out, |x: F, y| x % y),
        Max => map2(a, b, out, |x: F, y| if x > y || x.is_nan() { x } else { y }),
        Min => map2(a, b, out, |x: F, y| if x < y || x.is_nan() { x } else { y }),
        Eq => map2(a, b, out, |x: F, y| u32::from(x == y)),
        Ne => map2(a, b, out, |x: F, y| u32::from(x != y)),
        Lt => map2(a, b, out, |x: F, y| u32::from(x < y)),
        Le => map2(a, b, out, |x: F, y| u32::from(x <= y)),
        Gt => map2(a, b, out, |x: F, y| u32::from(x > y)),
        Ge => map2(a, b, out, |x: F, y| u32::from(x >= y)),
        And | Or | Xor => panic!("{op:?} of f32"),
    }
}

/// Integer arithmetic wraps, and division by zero gives the dividend (as WGSL defines it).
macro_rules! integer_ops {
    ($name:ident, $t:ty) => {
        fn $name(op: Binary, a: &[u32], b: &[u32], out: &mut [u32]) {
            use Binary::*;
            match op {
                Add => map2(a, b, out, <$t>::wrapping_add),
                Sub => map2(a, b, out, <$t>::wrapping_sub),
                Mul => map2(a, b, out, <$t>::wrapping_mul),
                Div => map2(a, b, out, |x: $t, y| if y == 0 { x } else { x.wrapping_div(y) }),
                Fmod => map2(a, b, out, |x: $t, y| if y == 0 { 0 } else { x.wrapping_rem(y) }),
                Max => map2(a, b, out, |x: $t, y| x.max(y)),
                Min => map2(a, b, out, |x: $t, y| x.min(y)),
                Eq => map2(a, b, out, |x: $t, y| u32::from(x == y)),
                Ne => map2(a, b, out, |x: $t, y| u32::from(x != y)),
                Lt => map2(a, b, out, |x: $t, y| u32::from(x < y)),
                Le => map2(a, b, out, |x: $t, y| u32::from(x <= y)),
                Gt => map2(a, b, out, |x: $t, y| u32::from(x > y)),
                Ge => map2(a, b, out, |x: $t, y| u32::from(x >= y)),
                And => map2(a, b, out, |x: $t, y| x & y),
                Or => map2(a, b, out, |x: $t, y| x | y),
                Xor => map2(a, b, out, |x: $t, y| x ^ y),
                Pow | Atan2 => panic!("{op:?} of integers"),
            }
        }
    };
}
integer_ops!(binary_i32, i32);
integer_ops!(binary_u32, u32);
