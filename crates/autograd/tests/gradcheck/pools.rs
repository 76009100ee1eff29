//! Pools, and changes of resolution.

use autograd::{Interpolation, Pool1d, Pool2d, Pool3d, Resize};

use crate::check::{Case, any, between, check_all, distinct, signed};

fn planes() -> Vec<Case> {
    vec![
        ("max_pool2d", vec![distinct(&[1, 2, 4, 4])], |x| x[0].max_pool2d(Pool2d::new(2)).0.square()),
        ("max_pool2d, overlapping", vec![distinct(&[1, 1, 5, 5])], |x| {
            x[0].max_pool2d(Pool2d { stride: [2; 2], padding: [1; 2], ..Pool2d::new(3) }).0.square()
        }),
        ("max_pool2d, rounded up", vec![distinct(&[1, 1, 5, 4])], |x| {
            x[0].max_pool2d(Pool2d { ceil_mode: true, dilation: [2, 1], ..Pool2d::new(2) }).0.square()
        }),
        ("avg_pool2d", vec![any(&[1, 2, 4, 4])], |x| x[0].square().avg_pool2d(Pool2d::new(2), true, None)),
        ("avg_pool2d, without padding", vec![any(&[1, 1, 4, 5])], |x| {
            let pool = Pool2d { stride: [2, 1], padding: [1; 2], ceil_mode: true, ..Pool2d::new(3) };
            x[0].square().avg_pool2d(pool, false, None)
        }),
        ("avg_pool2d, with a divisor", vec![any(&[1, 1, 4, 4])], |x| {
            x[0].square().avg_pool2d(Pool2d::new(2), true, Some(3))
        }),
    ]
}

fn other_dimensions() -> Vec<Case> {
    vec![
        ("max_pool1d", vec![distinct(&[1, 2, 6])], |x| {
            x[0].max_pool1d(Pool1d { stride: [2], padding: [1], ..Pool1d::new(3) }).0.square()
        }),
        ("avg_pool1d", vec![any(&[1, 2, 6])], |x| {
            let pool = Pool1d { stride: [2], padding: [1], ceil_mode: true, ..Pool1d::new(3) };
            x[0].square().avg_pool1d(pool, false)
        }),
        ("max_pool3d", vec![distinct(&[1, 1, 3, 3, 2])], |x| {
            x[0].max_pool3d(Pool3d { stride: [1; 3], ..Pool3d::new(2) }).0.square()
        }),
        ("avg_pool3d", vec![any(&[1, 1, 3, 3, 2])], |x| {
            x[0].square().avg_pool3d(Pool3d { stride: [1; 3], padding: [1; 3], ..Pool3d::new(2) }, false)
        }),
        ("lp_pool1d", vec![signed(0.5, 1.0, &[1, 2, 5])], |x| {
            x[0].lp_pool1d(2.0, Pool1d { ceil_mode: true, ..Pool1d::new(2) })
        }),
        ("lp_pool2d", vec![between(0.5, 1.0, &[1, 1, 3, 3])], |x| {
            x[0].lp_pool2d(3.0, Pool2d { stride: [1; 2], ..Pool2d::new(2) })
        }),
        ("adaptive_avg_pool1d", vec![any(&[1, 2, 5])], |x| x[0].square().adaptive_avg_pool1d(3)),
        ("adaptive_avg_pool2d", vec![any(&[1, 2, 4, 5])], |x| x[0].square().adaptive_avg_pool2d([2, 7])),
        ("adaptive_max_pool1d", vec![distinct(&[1, 2, 5])], |x| x[0].adaptive_max_pool1d(3).0.square()),
        ("adaptive_max_pool2d", vec![distinct(&[1, 1, 4, 5])], |x| {
            x[0].adaptive_max_pool2d([3, 7]).0.square()
        }),
    ]
}

fn resizing() -> Vec<Case> {
    vec![
        ("interpolate, nearest, doubled", vec![any(&[1, 2, 2, 3])], |x| {
            x[0].square().interpolate(Resize::By(&[2.0]), Interpolation::Nearest)
        }),
        ("interpolate, nearest", vec![any(&[1, 2, 5])], |x| {
            x[0].square().interpolate(Resize::To(&[3]), Interpolation::NearestExact)
        }),
        ("interpolate, linear", vec![any(&[1, 2, 4])], |x| {
            let mode = Interpolation::Linear { align_corners: false };
            x[0].square().interpolate(Resize::By(&[1.7]), mode)
        }),
        ("interpolate, trilinear", vec![any(&[1, 1, 2, 3, 2])], |x| {
            let mode = Interpolation::Linear { align_corners: true };
            x[0].square().interpolate(Resize::To(&[3, 2, 5]), mode)
        }),
        ("interpolate, bicubic", vec![any(&[1, 1, 4, 3])], |x| {
            let mode = Interpolation::Cubic { align_corners: false };
            x[0].square().interpolate(Resize::By(&[1.5, 0.7]), mode)
        }),
        ("interpolate, area", vec![any(&[1, 1, 4, 3])], |x| {
            x[0].square().interpolate(Resize::To(&[3, 2]), Interpolation::Area)
        }),
        ("pixel_shuffle", vec![any(&[2, 4, 1, 2])], |x| x[0].square().pixel_shuffle(2)),
        ("pixel_unshuffle", vec![any(&[1, 2, 2])], |x| x[0].square().pixel_unshuffle(2)),
    ]
}

pub fn cases() -> Vec<Case> {
    [planes(), other_dimensions(), resizing()].into_iter().flatten().collect()
}

#[test]
fn gradients() {
    check_all(cases());
}
