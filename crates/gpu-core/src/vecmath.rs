//! Elementary functions of f32 without branches or calls, so that loops over them inside of
//! [`vectorized`](crate::simd::vectorized) run in the widest vectors.
//!
//! Each function's documentation states its largest error in units in the last place, measured over every 37th f32. NaN gives NaN;
//! infinities and zeros give what C's functions give, with the sign of zero. Fused multiply-adds keep the errors small, but become function
//! calls in code that is not compiled for a processor with FMA: use these functions in vectorised loops only. WebAssembly has no fused
//! multiply-add; without it the errors stay below the limits of the tests, which are some tenths of a unit higher.

// Coefficients are as published, with digits that f32 does not keep.
#![allow(clippy::excessive_precision)]

/// Adding it rounds to an integer, which then is the low bits of the sum.
const ROUND: f32 = 12_582_912.0;
const LN_2_HIGH: f32 = 0.693_145_752;
const LN_2_LOW: f32 = 1.428_606_77e-6;

/// `a b + c`, fused where the processor can.
#[inline(always)]
fn mul_add(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(target_arch = "wasm32") { a * b + c } else { a.mul_add(b, c) }
}

/// `a b + c`, where a rounded product would cost digits of the result.
#[inline(always)]
fn fused_mul_add(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(target_arch = "wasm32") {
        (f64::from(a) * f64::from(b) + f64::from(c)) as f32
    } else {
        a.mul_add(b, c)
    }
}

/// The polynomial with the given coefficients, of the highest power first.
macro_rules! poly {
    ($x:expr, $first:expr $(, $c:expr)*) => {{
        let p: f32 = $first;
        $(let p = mul_add(p, $x, $c);)*
        p
    }};
}

/// `x = n ln 2 + r` with a whole `n` and `|r| <= ln 2 / 2`, for `|x|` up to some hundreds.
#[inline(always)]
fn split(x: f32) -> (i32, f32) {
    let rounded = mul_add(x, std::f32::consts::LOG2_E, ROUND);
    let whole = rounded - ROUND;
    let r = mul_add(whole, -LN_2_LOW, mul_add(whole, -LN_2_HIGH, x));
    (rounded.to_bits().wrapping_sub(ROUND.to_bits()) as i32, r)
}

/// `e^r - 1` for `|r| <= ln 2 / 2`.
#[inline(always)]
fn expm1_near_0(r: f32) -> f32 {
    let p = poly!(
        r,
        1.973_509_79e-4,
        1.393_090_7e-3,
        8.333_439_94e-3,
        4.166_680_2e-2,
        1.666_667_16e-1,
        4.999_999_7e-1
    );
    mul_add(p, r * r, r)
}

/// `2^n` for `-126 <= n <= 127`.
#[inline(always)]
fn power_of_2(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

/// `y 2^n`, by two factors: `2^n` itself may be too small or too large for an f32.
#[inline(always)]
fn scale(y: f32, n: i32) -> f32 {
    y * power_of_2(n >> 1) * power_of_2(n.wrapping_sub(n >> 1))
}

/// `x` clamped to `low..=high`. These comparisons propagate NaN, unlike the vector instructions for `f32::clamp`.
#[inline(always)]
fn clamp(x: f32, low: f32, high: f32) -> f32 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

/// `e^x`; largest error 0.99 units.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let (n, r) = split(clamp(x, -104.0, 89.0));
    scale(1.0 + expm1_near_0(r), n)
}

/// `e^x - 1`; largest error 1.41 units.
#[inline(always)]
pub(crate) fn expm1(x: f32) -> f32 {
    let (n, r) = split(clamp(x, -20.0, 89.0));
    let p = expm1_near_0(r);
    // Computes half of the result first, so that `2^n` does not overflow before the result does.
    let half = power_of_2(n.wrapping_sub(1));
    let y = 2.0 * mul_add(p, half, half - 0.5);
    (if n == 0 { p } else { y }).copysign(x)
}

/// The logarithm of `2^k (1 + f) + c`, with a correction `c` of a small part of `2^k` (fdlibm's `logf`).
#[inline(always)]
fn log_of_parts(k: i32, f: f32, c: f32) -> f32 {
    let s = f / (2.0 + f);
    let z = s * s;
    let p = z * poly!(z, 0.242_790_79, 0.284_987_87, 0.400_009_72, 0.666_666_63);
    let (half, k) = (0.5 * f * f, k as f32);
    let low = mul_add(k, 9.058_000_614_5e-6, c);
    mul_add(k, 0.693_138_122_56, (mul_add(s, half + p, low) - half) + f)
}

/// `x = 2^k m` with `m` in `[sqrt(1/2), sqrt(2))`, for normal positive `x`.
#[inline(always)]
fn parts(x: f32) -> (i32, f32) {
    const SQRT_HALF: u32 = 0x3f35_04f3;
    let bits = x.to_bits().wrapping_sub(SQRT_HALF);
    ((bits as i32) >> 23, f32::from_bits((bits & 0x007f_ffff).wrapping_add(SQRT_HALF)))
}

/// The natural logarithm; largest error 0.83 units.
#[inline(always)]
pub(crate) fn log(x: f32) -> f32 {
    let small = x < f32::MIN_POSITIVE;
    let (k, m) = parts(if small { x * 8_388_608.0 } else { x });
    let y = log_of_parts(if small { k.wrapping_sub(23) } else { k }, m - 1.0, 0.0);
    let y = if x < f32::INFINITY { y } else { x };
    let y = if x < 0.0 { f32::NAN } else { y };
    if x == 0.0 { f32::NEG_INFINITY } else { y }
}

/// `log(1 + x)`; largest error 0.83 units.
#[inline(always)]
pub(crate) fn log1p(x: f32) -> f32 {
    let u = 1.0 + x;
    // The rounding error of the sum, relative to the sum.
    let lost = if x < 1.0 { x - (u - 1.0) } else { 1.0 - (u - x) };
    let (k, m) = parts(u);
    let y = log_of_parts(k, if k == 0 { x } else { m - 1.0 }, if k == 0 { 0.0 } else { lost / u });
    let y = if x < f32::INFINITY { y.copysign(x) } else { x };
    let y = if x < -1.0 { f32::NAN } else { y };
    if x == -1.0 { f32::NEG_INFINITY } else { y }
}

/// The hyperbolic tangent; largest error 1.3 units.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let a = x.abs();
    let z = x * x;
    let p = poly!(z, -5.704_988_7e-3, 2.063_908_9e-2, -5.373_971_6e-2, 1.333_144_2e-1, -3.333_328_2e-1);
    let small = mul_add(p, z * a, a);
    let large = 1.0 - 2.0 / (exp(2.0 * a) + 1.0);
    (if a < 0.625 { small } else { large }).copysign(x)
}

/// The logistic function `1 / (1 + e^-x)`; largest error 2.3 units.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

/// `2 sqrt(2 / pi)`
const GELU_SCALE: f32 = 1.595_769_1;
const GELU_CUBIC: f32 = 0.044_715;

/// `x sigmoid(2 u)` with `u = sqrt(2 / pi) (x + 0.044715 x^3)`
#[inline(always)]
pub(crate) fn gelu_tanh(x: f32) -> f32 {
    x * sigmoid(GELU_SCALE * mul_add(GELU_CUBIC * x * x, x, x))
}

/// The derivative of [`gelu_tanh`].
#[inline(always)]
pub(crate) fn gelu_tanh_grad(x: f32) -> f32 {
    // It is constant outside of this range, where powers of x would overflow.
    let x = clamp(x, -20.0, 20.0);
    let square = GELU_CUBIC * x * x;
    let u = GELU_SCALE * mul_add(square, x, x);
    let e = exp(-u.abs());
    let r = 1.0 / (1.0 + e);
    let s = if u < 0.0 { e * r } else { r };
    let slope = GELU_SCALE * mul_add(3.0, square, 1.0);
    mul_add(x * slope, e * r * r, s)
}

/// [`erf`] for `|x|` up to 0.927.
#[inline(always)]
fn erf_near_0(x: f32) -> f32 {
    let p = poly!(
        x * x,
        -5.967_617_03e-4,
        4.991_194_23e-3,
        -2.676_813_49e-2,
        1.128_199_25e-1,
        -3.761_253_36e-1,
        1.283_791_66e-1
    );
    mul_add(p, x, x)
}

/// The error function `2 / sqrt(pi)` times the integral of `e^(-t^2)` from 0 to `x`; largest error
/// 1.0 units.
#[inline(always)]
pub(crate) fn erf(x: f32) -> f32 {
    let t = clamp(x.abs(), 0.0, 4.0);
    let power = poly!(
        t,
        -1.728_534_7e-5,
        3.831_971_26e-4,
        -3.883_964_38e-3,
        2.425_462_19e-2,
        -1.067_778_77e-1,
        -6.348_466_87e-1,
        -1.287_175_12e-1
    );
    let large = 1.0 - exp(mul_add(power, t, -t));
    if t > 0.927_734_375 { large.copysign(x) } else { erf_near_0(x) }
}

/// `1 - erf(x)` without cancellation; largest error 3.9 units.
///
/// Above 1/2 it is `e^(-x^2)` times `g / (1 + 2 x)`, where `g` is a polynomial of `(x - 2) / (x + 2)`, which changes little (Shepherd and
/// Laframboise 1981).
#[inline(always)]
pub(crate) fn erfc(x: f32) -> f32 {
    // Beyond 11, the result is smaller than any f32.
    let a = clamp(x.abs(), 0.0, 11.0);
    let g = poly!(
        (a - 2.0) / (a + 2.0),
        -2.368_055_14e-4,
        -1.262_041_86e-3,
        1.156_546_64e-3,
        8.656_598_63e-3,
        -8.008_684_03e-3,
        -5.421_067_77e-2,
        1.640_490_74e-1,
        -1.660_308_69e-1,
        -9.276_377_41e-2,
        1.276_978_37
    );
    // `e^(-a^2)` with the rounding error of the square; its power of 2 comes last, as it may be too small for an f32.
    let square = a * a;
    let (n, r) = split(-square);
    let e = 1.0 + expm1_near_0(r);
    let e = mul_add(e, fused_mul_add(a, -a, square), e);
    let tail = scale(e * (g / mul_add(2.0, a, 1.0)), n);
    if x > 0.5 {
        tail
    } else if x < -0.5 {
        2.0 - tail
    } else {
        1.0 - erf_near_0(x)
    }
}

/// Up to here [`sin`] and [`cos`] are accurate; beyond, the reduction needs more digits of pi than they use.
pub(crate) const MOST_RADIANS: f32 = 70_000.0;

/// `x = quarters pi / 2 + r` with `|r| <= pi / 4`, for `|x|` up to [`MOST_RADIANS`].
#[inline(always)]
fn quarters(x: f32) -> (u32, f32) {
    let rounded = mul_add(x, std::f32::consts::FRAC_2_PI, ROUND);
    let whole = rounded - ROUND;
    let r = fused_mul_add(whole, -1.570_796_01, x);
    let r = fused_mul_add(whole, -3.139_164_73e-7, r);
    (rounded.to_bits(), mul_add(whole, -5.390_302_53e-15, r))
}

/// `sin(quarters pi / 2 + r)`.
#[inline(always)]
fn sin_of_parts(quarters: u32, r: f32) -> f32 {
    let s = r * r;
    let sin = poly!(s, 2.865_679_56e-6, -1.985_599_23e-4, 8.333_385_92e-3, -1.666_666_72e-1);
    let sin = mul_add(sin, s * r, r);
    let cos = poly!(s, 2.446_770_67e-5, -1.388_772_97e-3, 4.166_665_67e-2, -0.5, 1.0);
    let y = if quarters & 1 == 0 { sin } else { cos };
    f32::from_bits(y.to_bits() ^ (quarters & 2) << 30)
}

/// The sine, for `|x|` up to [`MOST_RADIANS`]; largest error 1.46 units.
#[inline(always)]
pub(crate) fn sin(x: f32) -> f32 {
    let (quarters, r) = quarters(x);
    // Rounding loses the sign of a zero.
    if x == 0.0 { x } else { sin_of_parts(quarters, r) }
}

/// The cosine, for `|x|` up to [`MOST_RADIANS`]; largest error 1.45 units.
#[inline(always)]
pub(crate) fn cos(x: f32) -> f32 {
    let (quarters, r) = quarters(x);
    sin_of_parts(quarters.wrapping_add(1), r)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::vectorized;

    const BLOCK: u32 = 1 << 16;

    /// The largest error of `f` over every `step`-th f32 for which `inside` holds, in units of the last place.
    fn worst(
        step: usize,
        inside: impl Fn(f32) -> bool,
        f: impl Fn(&mut [f32]),
        exact: impl Fn(f64) -> f64,
    ) -> (f64, f32) {
        let mut worst = (0.0, 0.0);
        for block in 0..=u32::MAX / BLOCK {
            let bits = (block * BLOCK..=block * BLOCK + (BLOCK - 1)).step_by(step);
            let x: Vec<f32> = bits.map(f32::from_bits).filter(|&x| !x.is_nan() && inside(x)).collect();
            let mut y = x.clone();
            f(&mut y);
            for (&x, &y) in x.iter().zip(&y) {
                let want = exact(f64::from(x));
                let rounded = want as f32;
                if rounded.is_infinite() || rounded == 0.0 || rounded.is_nan() {
                    assert!(
                        y == rounded || (rounded.is_nan() && y.is_nan()),
                        "f({x:e}) = {y}, not {rounded}"
                    );
                    continue;
                }
                // An overflow by rounding counts as one unit.
                let y = if y.is_infinite() { 2f64.powi(128).copysign(f64::from(y)) } else { f64::from(y) };
                let exponent = (want.abs().to_bits() >> 52) as i32 - 1023;
                let error = (y - want).abs() / 2f64.powi(exponent.max(-126) - 23);
                worst = if error > worst.0 { (error, x) } else { worst };
            }
        }
        worst
    }

    /// Equality of floats does not distinguish the signs of zeros.
    #[test]
    fn zeros_keep_their_sign() {
        for f in [expm1, log1p, tanh, erf, sin] {
            assert_eq!([f(0.0).to_bits(), f(-0.0).to_bits()], [0, 1 << 31]);
        }
        assert_eq!([exp(-0.0), sigmoid(-0.0), cos(-0.0)], [1.0, 0.5, 1.0]);
        assert_eq!([log(0.0), log(-0.0), log1p(-1.0)], [f32::NEG_INFINITY; 3]);
    }

    mod largest_error {
        use super::super::MOST_RADIANS;
        use super::{vectorized, worst};

        macro_rules! sweep {
            ($name:ident, $most:expr, $inside:expr, $exact:expr) => {
                #[test]
                fn $name() {
                    let f = |x: &mut [f32]| {
                        vectorized(
                            #[inline(always)]
                            || x.iter_mut().for_each(|x| *x = crate::vecmath::$name(*x)),
                        )
                    };
                    let (error, x) = worst(101, $inside, f, $exact);
                    println!("{}: {error:.3} units at {x:e}", stringify!($name));
                    assert!(error <= $most, "{error} units at {x:e}");
                    let mut nan = [f32::NAN, -f32::NAN];
                    f(&mut nan);
                    assert!(nan.iter().all(|y| y.is_nan()));
                }
            };
        }

        sweep!(exp, 1.25, |_| true, f64::exp);
        sweep!(expm1, 1.6, |_| true, f64::exp_m1);
        sweep!(log, 1.0, |_| true, f64::ln);
        sweep!(log1p, 1.0, |_| true, f64::ln_1p);
        sweep!(tanh, 1.5, |_| true, f64::tanh);
        sweep!(sigmoid, 2.5, |_| true, |x| 1.0 / (1.0 + (-x).exp()));
        sweep!(erf, 1.25, |_| true, libm::erf);
        sweep!(erfc, 4.2, |_| true, libm::erfc);
        sweep!(sin, 1.6, |x| x.abs() <= MOST_RADIANS, f64::sin);
        sweep!(cos, 1.6, |x| x.abs() <= MOST_RADIANS, f64::cos);
    }
}
