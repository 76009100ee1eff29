//! The transformations of F(4x4, 3x3), for the points 0, 1, -1, 2, -2 and infinity.

use pulp::Simd;

use super::{PATCH, POINTS, ROWS, TILE};

/// `G g` of three weights.
fn weight(g: [f32; 3]) -> [f32; PATCH] {
    let (even, odd) = (g[0] + g[2], g[1]);
    let (far, half) = (g[0] / 24.0 + g[2] / 6.0, g[1] / 12.0);
    [g[0] / 4.0, -(even + odd) / 6.0, (odd - even) / 6.0, far + half, far - half, g[2]]
}

/// `G w G^T` of `ROWS` kernels side by side.
#[allow(clippy::needless_range_loop)] // constant bounds, which unroll
pub fn weights(taps: &[[f32; ROWS]; 9]) -> [[f32; ROWS]; POINTS] {
    let mut out = [[0.0; ROWS]; POINTS];
    for row in 0..ROWS {
        // Columns, then rows.
        let mut columns = [[0.0; 3]; PATCH];
        for j in 0..3 {
            let column = weight([taps[j][row], taps[3 + j][row], taps[6 + j][row]]);
            for i in 0..PATCH {
                columns[i][j] = column[i];
            }
        }
        for i in 0..PATCH {
            let values = weight(columns[i]);
            for j in 0..PATCH {
                out[i * PATCH + j][row] = values[j];
            }
        }
    }
    out
}

/// `B^T x` of six elements.
#[inline(always)]
pub fn source<S: Simd>(simd: S, x: [S::f32s; PATCH]) -> [S::f32s; PATCH] {
    let [x0, x1, x2, x3, x4, x5] = x;
    let [two, four, five] = [2.0, -4.0, -5.0].map(|c| simd.splat_f32s(c));
    let (a, b) = (simd.mul_add_e_f32s(four, x2, x4), simd.mul_add_e_f32s(four, x1, x3));
    let (c, d) = (simd.sub_f32s(x4, x2), simd.mul_f32s(two, simd.sub_f32s(x3, x1)));
    let minus_four_x = |x: S::f32s, rest: S::f32s| simd.sub_f32s(rest, simd.mul_f32s(four, x));
    [
        minus_four_x(x0, simd.mul_add_e_f32s(five, x2, x4)),
        simd.add_f32s(a, b),
        simd.sub_f32s(a, b),
        simd.add_f32s(c, d),
        simd.sub_f32s(c, d),
        minus_four_x(x1, simd.mul_add_e_f32s(five, x3, x5)),
    ]
}

/// `A^T m` of six sums.
#[inline(always)]
pub fn output<S: Simd>(simd: S, m: [S::f32s; PATCH]) -> [S::f32s; TILE] {
    let [m0, m1, m2, m3, m4, m5] = m;
    let [two, four, eight] = [2.0, 4.0, 8.0].map(|c| simd.splat_f32s(c));
    let (near, near_odd) = (simd.add_f32s(m1, m2), simd.sub_f32s(m1, m2));
    let (far, far_odd) = (simd.add_f32s(m3, m4), simd.sub_f32s(m3, m4));
    [
        simd.add_f32s(simd.add_f32s(m0, near), far),
        simd.mul_add_e_f32s(two, far_odd, near_odd),
        simd.mul_add_e_f32s(four, far, near),
        simd.add_f32s(simd.mul_add_e_f32s(eight, far_odd, near_odd), m5),
    ]
}

/// `A y` of four output gradients: the adjoint of [`output`].
#[inline(always)]
pub fn gradient<S: Simd>(simd: S, y: [S::f32s; TILE]) -> [S::f32s; PATCH] {
    let [y0, y1, y2, y3] = y;
    let [two, four, eight] = [2.0, 4.0, 8.0].map(|c| simd.splat_f32s(c));
    let (near, near_odd) = (simd.add_f32s(y0, y2), simd.add_f32s(y1, y3));
    let far = simd.mul_add_e_f32s(four, y2, y0);
    let far_odd = simd.mul_add_e_f32s(eight, y3, simd.mul_f32s(two, y1));
    [
        y0,
        simd.add_f32s(near, near_odd),
        simd.sub_f32s(near, near_odd),
        simd.add_f32s(far, far_odd),
        simd.sub_f32s(far, far_odd),
        y3,
    ]
}

/// `G^T m` of six sums: the adjoint of the weights' transformation.
#[inline(always)]
pub fn weight_gradient<S: Simd>(simd: S, m: [S::f32s; PATCH]) -> [S::f32s; 3] {
    let [m0, m1, m2, m3, m4, m5] = m;
    let [quarter, sixth, minus_sixth] = [0.25, 1.0 / 6.0, -1.0 / 6.0].map(|c| simd.splat_f32s(c));
    let [far_even, far_odd] = [1.0 / 24.0, 1.0 / 12.0].map(|c| simd.splat_f32s(c));
    let near = simd.mul_f32s(minus_sixth, simd.add_f32s(m1, m2));
    let near_odd = simd.mul_f32s(sixth, simd.sub_f32s(m2, m1));
    let (far, odd) = (simd.add_f32s(m3, m4), simd.sub_f32s(m3, m4));
    [
        simd.mul_add_e_f32s(quarter, m0, simd.mul_add_e_f32s(far_even, far, near)),
        simd.mul_add_e_f32s(far_odd, odd, near_odd),
        simd.add_f32s(simd.mul_add_e_f32s(sixth, far, near), m5),
    ]
}
