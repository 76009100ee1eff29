// Scalar functions that WGSL lacks, or that drivers compute too roughly to agree with a CPU (WGSL allows exp an error
// that grows with |x|, and sin and cos an absolute one). Each is good to a few units in the last place.

fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn is_inf(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u;
}

fn max_nan(a: f32, b: f32) -> f32 {
    if (is_nan(a)) { return a; }
    if (is_nan(b)) { return b; }
    return select(b, a, a > b);
}

fn min_nan(a: f32, b: f32) -> f32 {
    if (is_nan(a)) { return a; }
    if (is_nan(b)) { return b; }
    return select(b, a, a < b);
}

// 0 for NaN, as in torch.
fn sign_exact(x: f32) -> f32 {
    return select(select(0.0, -1.0, x < 0.0), 1.0, x > 0.0);
}

fn inf() -> f32 {
    var bits = 0x7f800000u;
    return bitcast<f32>(bits);
}

fn nan() -> f32 {
    var bits = 0x7fc00000u;
    return bitcast<f32>(bits);
}

// 2^n for -126 <= n <= 127.
fn exp2_int(n: i32) -> f32 {
    return bitcast<f32>(u32(n + 127) << 23u);
}

// x = n ln 2 + r; e^r by a polynomial (Cephes expf).
fn exp_exact(x: f32) -> f32 {
    if (is_nan(x)) { return x; }
    if (x > 88.72284) { return inf(); }
    if (x < -103.97208) { return 0.0; }
    let n = floor(x * 1.44269504 + 0.5);
    let r = (x - n * 0.693359375) + n * 2.12194440e-4;
    var p = 1.9875691500e-4;
    p = p * r + 1.3981999507e-3;
    p = p * r + 8.3334519073e-3;
    p = p * r + 4.1665795894e-2;
    p = p * r + 1.6666665459e-1;
    p = p * r + 5.0000001201e-1;
    let y = p * r * r + r + 1.0;
    let half = i32(n) / 2;
    return y * exp2_int(half) * exp2_int(i32(n) - half);
}

fn expm1_exact(x: f32) -> f32 {
    if (abs(x) > 0.5) { return exp_exact(x) - 1.0; }
    var p = 1.0 / 40320.0;
    p = p * x + 1.0 / 5040.0;
    p = p * x + 1.0 / 720.0;
    p = p * x + 1.0 / 120.0;
    p = p * x + 1.0 / 24.0;
    p = p * x + 1.0 / 6.0;
    p = p * x + 0.5;
    return p * x * x + x;
}

// log(1 + m) - m for 1 + m in [sqrt(1/2), sqrt(2)] (Cephes logf).
fn log1p_rest(m: f32) -> f32 {
    let z = m * m;
    var p = 7.0376836292e-2;
    p = p * m - 1.1514610310e-1;
    p = p * m + 1.1676998740e-1;
    p = p * m - 1.2420140846e-1;
    p = p * m + 1.4249322787e-1;
    p = p * m - 1.6668057665e-1;
    p = p * m + 2.0000714765e-1;
    p = p * m - 2.4999993993e-1;
    p = p * m + 3.3333331174e-1;
    return p * m * z - 0.5 * z;
}

// x = 2^e (1 + m) with 1 + m in [sqrt(1/2), sqrt(2)).
fn log_exact(x: f32) -> f32 {
    if (is_nan(x) || x < 0.0) { return nan(); }
    if (x == 0.0) { return -inf(); }
    if (is_inf(x)) { return x; }
    let tiny = x < 1.17549435e-38;
    let bits = bitcast<u32>(select(x, x * 8388608.0, tiny));
    var e = f32(i32(bits >> 23u) - 126) - select(0.0, 23.0, tiny);
    var m = bitcast<f32>((bits & 0x7fffffu) | 0x3f000000u);
    if (m < 0.70710678) {
        e = e - 1.0;
        m = m + m;
    }
    m = m - 1.0;
    return m + (log1p_rest(m) - 2.12194440e-4 * e) + 0.693359375 * e;
}

// Goldberg's correction for the rounding of 1 + x cannot be used: drivers simplify (1 + x) - 1.
fn log1p_exact(x: f32) -> f32 {
    if (x > -0.29289321 && x < 0.41421356) { return x + log1p_rest(x); }
    return log_exact(1.0 + x);
}

// Reduction by multiples of pi/2 in three parts, then Cephes' polynomials. Good for |x| up to some 10^4.
fn sin_quadrant(x: f32, shift: i32) -> f32 {
    if (is_nan(x) || is_inf(x)) { return nan(); }
    let n = floor(x * 0.63661977 + 0.5);
    let r = ((x - n * 1.5703125) - n * 4.83751297e-4) - n * 7.54978995e-8;
    let z = r * r;
    let q = (i32(n) + shift) & 3;
    let s = ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1) * z * r + r;
    let c = ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2) * z * z - 0.5 * z + 1.0;
    let y = select(s, c, (q & 1) == 1);
    return select(y, -y, q >= 2);
}

fn sin_exact(x: f32) -> f32 {
    return sin_quadrant(x, 0);
}

fn cos_exact(x: f32) -> f32 {
    return sin_quadrant(x, 1);
}

fn atan_exact(x: f32) -> f32 {
    if (is_nan(x)) { return x; }
    var a = abs(x);
    var base = 0.0;
    if (a > 2.414213562) {
        base = 1.57079632679;
        a = -1.0 / a;
    } else if (a > 0.4142135623) {
        base = 0.78539816339;
        a = (a - 1.0) / (a + 1.0);
    }
    let z = a * a;
    let y = base + ((((8.05374449538e-2 * z - 1.38776856032e-1) * z + 1.99777106478e-1) * z - 3.33329491539e-1) * z * a + a);
    return select(y, -y, x < 0.0);
}

fn atan2_exact(y: f32, x: f32) -> f32 {
    if (is_nan(x) || is_nan(y)) { return nan(); }
    let negative = (bitcast<u32>(y) >> 31u) == 1u;
    var a = 0.0;
    if (x == 0.0 && y == 0.0) {
        a = select(0.0, 3.14159265359, (bitcast<u32>(x) >> 31u) == 1u);
    } else if (abs(y) > abs(x)) {
        a = 1.57079632679 - atan_exact(x / abs(y));
    } else {
        a = atan_exact(abs(y) / abs(x));
        a = select(a, 3.14159265359 - a, x < 0.0);
    }
    return select(a, -a, negative);
}

// x - x^3/6 .. by Cephes' polynomial for |x| <= 1/2, the half-angle formula beyond.
fn asin_exact(x: f32) -> f32 {
    let a = abs(x);
    if (!(a <= 1.0)) { return nan(); }
    var z = a * a;
    var r = a;
    if (a > 0.5) {
        z = 0.5 * (1.0 - a);
        r = sqrt(z);
    }
    var p = 4.2163199048e-2;
    p = p * z + 2.4181311049e-2;
    p = p * z + 4.5470025998e-2;
    p = p * z + 7.4953002686e-2;
    p = p * z + 1.6666752422e-1;
    var y = p * z * r + r;
    y = select(y, 1.57079632679 - (y + y), a > 0.5);
    return select(y, -y, x < 0.0);
}

fn acos_exact(x: f32) -> f32 {
    if (x > 0.5) { return 2.0 * asin_exact(sqrt(0.5 * (1.0 - x))); }
    if (x < -0.5) { return 3.14159265359 - 2.0 * asin_exact(sqrt(0.5 * (1.0 + x))); }
    return 1.57079632679 - asin_exact(x);
}

fn sinh_exact(x: f32) -> f32 {
    let a = abs(x);
    if (a < 1.0) {
        let z = x * x;
        return ((2.03721912945e-4 * z + 8.33028376239e-3) * z + 1.66667160211e-1) * z * x + x;
    }
    let half = exp_exact(0.5 * a);
    let y = 0.5 * half * half - 0.5 / half / half;
    return select(y, -y, x < 0.0);
}

fn cosh_exact(x: f32) -> f32 {
    let half = exp_exact(0.5 * abs(x));
    return 0.5 * half * half + 0.5 / half / half;
}

fn tanh_exact(x: f32) -> f32 {
    if (is_nan(x)) { return x; }
    let a = abs(x);
    if (a > 9.1) { return sign(x); }
    if (a > 0.625) {
        let y = 1.0 - 2.0 / (exp_exact(a + a) + 1.0);
        return select(y, -y, x < 0.0);
    }
    let z = x * x;
    var p = -5.70498872745e-3;
    p = p * z + 2.06390887954e-2;
    p = p * z - 5.37397155531e-2;
    p = p * z + 1.33314422036e-1;
    p = p * z - 3.33332819422e-1;
    return p * z * x + x;
}

fn asinh_exact(x: f32) -> f32 {
    if (is_nan(x) || is_inf(x)) { return x; }
    let a = abs(x);
    var y = 0.0;
    if (a > 1.0e9) {
        y = log_exact(a) + 0.69314718056;
    } else {
        let z = a * a;
        y = log1p_exact(a + z / (1.0 + sqrt(1.0 + z)));
    }
    return select(y, -y, x < 0.0);
}

fn acosh_exact(x: f32) -> f32 {
    if (!(x >= 1.0)) { return nan(); }
    if (x > 1.0e9) { return log_exact(x) + 0.69314718056; }
    let t = x - 1.0;
    return log1p_exact(t + sqrt(2.0 * t + t * t));
}

fn atanh_exact(x: f32) -> f32 {
    return 0.5 * log1p_exact(2.0 * x / (1.0 - x));
}

// x sigmoid(2 u) with u = sqrt(2 / pi) (x + 0.044715 x^3)
fn gelu_tanh(x: f32) -> f32 {
    return x * sigmoid_exact(1.5957691 * (x + 0.044715 * x * x * x));
}

// The derivative of gelu_tanh. It is constant beyond 20, where powers of x would overflow.
fn gelu_tanh_grad(x: f32) -> f32 {
    if (is_nan(x)) { return x; }
    let z = clamp(x, -20.0, 20.0);
    let square = 0.044715 * z * z;
    let u = 1.5957691 * (z + square * z);
    let e = exp_exact(-abs(u));
    let r = 1.0 / (1.0 + e);
    let s = select(r, e * r, u < 0.0);
    return s + z * 1.5957691 * (1.0 + 3.0 * square) * e * r * r;
}

fn sigmoid_exact(x: f32) -> f32 {
    let e = exp_exact(-abs(x));
    return select(e / (1.0 + e), 1.0 / (1.0 + e), x >= 0.0);
}

// erf x = x P(x^2) for |x| < 0.84375 (fdlibm).
fn erf_small(x: f32) -> f32 {
    let z = x * x;
    let r = 1.28379166e-1 + z * (-3.25042099e-1 + z * (-2.84817494e-2 + z * (-5.77027029e-3 - z * 2.37630166e-5)));
    let s = 1.0 + z * (3.97917223e-1 + z * (6.50222499e-2 + z * (5.08130628e-3 + z * (1.32494739e-4 - z * 3.96022827e-6))));
    return x + x * (r / s);
}

// erfc a = 1 - erf a for a >= 0.84375 (fdlibm).
fn erfc_tail(a: f32) -> f32 {
    if (a < 1.25) {
        let s = a - 1.0;
        let p = -2.36211856e-3 + s * (4.14856118e-1 + s * (-3.72207876e-1 + s * (3.18346619e-1 + s * (-1.10894694e-1 + s * (3.54783043e-2 - s * 2.16637559e-3)))));
        let q = 1.0 + s * (1.06420880e-1 + s * (5.40397917e-1 + s * (7.18286544e-2 + s * (1.26171219e-1 + s * (1.36370839e-2 + s * 1.19844998e-2)))));
        return 1.54937089e-1 - p / q;
    }
    if (a > 10.5) { return 0.0; }
    let s = 1.0 / (a * a);
    var r = 0.0;
    var q = 1.0;
    if (a < 2.857143) {
        r = -9.86494403e-3 + s * (-6.93858572e-1 + s * (-1.05586262e1 + s * (-6.23753324e1 + s * (-1.62396669e2 + s * (-1.84605093e2 + s * (-8.12874355e1 - s * 9.81432934))))));
        q = 1.0 + s * (1.96512717e1 + s * (1.37657754e2 + s * (4.34565877e2 + s * (6.45387272e2 + s * (4.29008140e2 + s * (1.08635005e2 + s * (6.57024977 - s * 6.04244152e-2)))))));
    } else {
        r = -9.86494292e-3 + s * (-7.99283238e-1 + s * (-1.77579549e1 + s * (-1.60636385e2 + s * (-6.37566443e2 + s * (-1.02509513e3 - s * 4.83519192e2)))));
        q = 1.0 + s * (3.03380607e1 + s * (3.25792513e2 + s * (1.53672958e3 + s * (3.19985822e3 + s * (2.55305040e3 + s * (4.74528541e2 - s * 2.24409525e1))))));
    }
    // e^(-a^2), with the square of a's upper half exact, so that its rounding does not grow with a.
    let z = bitcast<f32>(bitcast<u32>(a) & 0xffffe000u);
    return exp_exact(-z * z - 0.5625) * exp_exact((z - a) * (z + a) + r / q) / a;
}

fn erf_exact(x: f32) -> f32 {
    if (is_nan(x)) { return x; }
    let a = abs(x);
    if (a < 0.84375) { return erf_small(x); }
    let y = 1.0 - erfc_tail(a);
    return select(y, -y, x < 0.0);
}

fn erfc_exact(x: f32) -> f32 {
    if (is_nan(x)) { return x; }
    let a = abs(x);
    if (a < 0.25) { return 1.0 - erf_small(x); }
    if (a < 0.84375) { return 0.5 - (erf_small(x) - 0.5); }
    let y = erfc_tail(a);
    return select(y, 2.0 - y, x < 0.0);
}

// |a|^b with C's signs and special cases for integer exponents.
fn pow_exact(a: f32, b: f32) -> f32 {
    if (b == 0.0 || a == 1.0) { return 1.0; }
    if (is_nan(a) || is_nan(b)) { return nan(); }
    if (b == 1.0) { return a; }
    if (b == 2.0) { return a * a; }
    if (b == 0.5 && a >= 0.0) { return sqrt(a); }
    let whole = floor(b) == b;
    let odd = whole && abs(b) < 16777216.0 && (i32(b) & 1) != 0;
    if (a < 0.0 && !whole) { return nan(); }
    let m = abs(a);
    if (m == 0.0) {
        let y = select(0.0, inf(), b < 0.0);
        return select(y, -y, odd && (bitcast<u32>(a) >> 31u) == 1u);
    }
    var y = 0.0;
    if (whole && abs(b) <= 64.0) {
        // Repeated squaring: exact where e^(b log a) would lose bits.
        var n = u32(abs(b));
        var base = m;
        y = 1.0;
        for (var k = 0; k < 7; k++) {
            if ((n & 1u) == 1u) { y = y * base; }
            base = base * base;
            n = n >> 1u;
        }
        y = select(y, 1.0 / y, b < 0.0);
    } else {
        y = exp_product_log(b, m);
    }
    return select(y, -y, odd && a < 0.0);
}

// e^(b log m), carrying the rounding error of the product.
fn exp_product_log(b: f32, m: f32) -> f32 {
    let l = log_exact(m);
    let p = b * l;
    if (abs(p) > 110.0 || is_inf(p)) { return exp_exact(p); }
    let c = 4097.0;
    let bh = c * b - (c * b - b);
    let lh = c * l - (c * l - l);
    let error = ((bh * lh - p) + bh * (l - lh) + (b - bh) * lh) + (b - bh) * (l - lh);
    let y = exp_exact(p);
    return y + y * error;
}

// a - b trunc(a / b); exact for quotients below 2^24.
fn fmod_exact(a: f32, b: f32) -> f32 {
    if (b == 0.0 || is_inf(a) || is_nan(a) || is_nan(b)) { return nan(); }
    if (is_inf(b)) { return a; }
    let x = abs(a);
    let y = abs(b);
    var r = x - y * trunc(x / y);
    if (r < 0.0) { r = r + y; }
    if (r >= y) { r = r - y; }
    return select(r, -r, a < 0.0);
}

// Halves by integer arithmetic (crates/gpu-core/src/halves.rs), equal on every device: the nearest one, ties to even.
fn pack_f16(x: f32) -> u32 {
    let bits = bitcast<u32>(x);
    let sign = (bits >> 16u) & 0x8000u;
    let a = bits & 0x7fffffffu;
    if (a > 0x7f800000u) { return sign | 0x7e00u | ((a >> 13u) & 0x3ffu); }
    if (a >= 0x47800000u) { return sign | 0x7c00u; }
    if (a >= 0x38800000u) {
        let rebased = a - 0x38000000u;
        return sign | ((rebased + 0xfffu + ((rebased >> 13u) & 1u)) >> 13u);
    }
    // Below 2^-14 (subnormal): a multiple of 2^-24, which is 0 below 2^-25.
    let shift = min(126u - (a >> 23u), 25u);
    let mantissa = (a & 0x7fffffu) | 0x800000u;
    return sign | ((mantissa + (1u << (shift - 1u)) - 1u + ((mantissa >> shift) & 1u)) >> shift);
}

// The value of the half in the lower 16 bits of a word.
fn unpack_f16(word: u32) -> f32 {
    let sign = (word & 0x8000u) << 16u;
    let a = word & 0x7fffu;
    if (a < 0x400u) { return bitcast<f32>(sign | bitcast<u32>(f32(a) * 5.9604644775390625e-8)); }
    if (a < 0x7c00u) { return bitcast<f32>(sign | ((a << 13u) + 0x38000000u)); }
    return bitcast<f32>(sign | 0x7f800000u | ((a & 0x3ffu) << 13u) | select(0u, 0x400000u, a > 0x7c00u));
}

fn pack4_f16(x: vec4<f32>) -> vec2<u32> {
    return vec2<u32>(pack_f16(x.x) | (pack_f16(x.y) << 16u), pack_f16(x.z) | (pack_f16(x.w) << 16u));
}

fn unpack4_f16(words: vec2<u32>) -> vec4<f32> {
    return vec4<f32>(
        unpack_f16(words.x),
        unpack_f16(words.x >> 16u),
        unpack_f16(words.y),
        unpack_f16(words.y >> 16u),
    );
}

fn round_f16(x: f32) -> f32 {
    return unpack_f16(pack_f16(x));
}

fn pack_bf16(x: f32) -> u32 {
    let bits = bitcast<u32>(x);
    if (is_nan(x)) { return (bits >> 16u) | 0x40u; }
    return (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
}

// The value of the half in the lower 16 bits of a word.
fn unpack_bf16(word: u32) -> f32 {
    let bits = word & 0xffffu;
    return bitcast<f32>((bits | select(0u, 0x40u, (bits & 0x7fffu) > 0x7f80u)) << 16u);
}

fn pack4_bf16(x: vec4<f32>) -> vec2<u32> {
    return vec2<u32>(pack_bf16(x.x) | (pack_bf16(x.y) << 16u), pack_bf16(x.z) | (pack_bf16(x.w) << 16u));
}

fn unpack4_bf16(words: vec2<u32>) -> vec4<f32> {
    return vec4<f32>(
        unpack_bf16(words.x),
        unpack_bf16(words.x >> 16u),
        unpack_bf16(words.y),
        unpack_bf16(words.y >> 16u),
    );
}

fn round_bf16(x: f32) -> f32 {
    return unpack_bf16(pack_bf16(x));
}
