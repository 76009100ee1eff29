//! Pools, and changes of resolution.

use autograd::{Interpolation, Pool1d, Pool2d, Pool3d, Resize};

use crate::panics::{Mistake, check};
use crate::{f32s, i32s};

pub const MISTAKES: &[Mistake] = &[
    ("max_pool2d", &["max_pool2d", "[4, 4]"], || drop(f32s(&[4, 4]).max_pool2d(Pool2d::new(2)))),
    ("max_pool2d, window", &["max_pool2d", "covers 5"], || {
        drop(f32s(&[1, 2, 4, 4]).max_pool2d(Pool2d::new(5)))
    }),
    ("max_pool2d, padding", &["max_pool2d", "padding 2"], || {
        drop(f32s(&[1, 2, 4, 4]).max_pool2d(Pool2d { padding: [2; 2], ..Pool2d::new(2) }))
    }),
    ("max_pool1d", &["max_pool1d", "covers 5"], || drop(f32s(&[1, 2, 4]).max_pool1d(Pool1d::new(5)))),
    ("max_pool3d", &["max_pool3d", "[1, 2, 4]"], || drop(f32s(&[1, 2, 4]).max_pool3d(Pool3d::new(2)))),
    ("lp_pool2d", &["lp_pool2d", "padding"], || {
        drop(f32s(&[1, 2, 4, 4]).lp_pool2d(2.0, Pool2d { padding: [1; 2], ..Pool2d::new(2) }))
    }),
    ("adaptive_avg_pool2d", &["adaptive_avg_pool2d", "[4]"], || drop(f32s(&[4]).adaptive_avg_pool2d([2, 2]))),
    ("adaptive_max_pool1d", &["adaptive_max_pool1d", "[1, 4]", "[0]"], || {
        drop(f32s(&[1, 4]).adaptive_max_pool1d(0))
    }),
    ("interpolate", &["interpolate", "[2, 2]", "[1, 2, 4]"], || {
        drop(f32s(&[1, 2, 4]).interpolate(Resize::To(&[2, 2]), Interpolation::Area))
    }),
    ("interpolate to nothing", &["interpolate", "[0.1]"], || {
        drop(f32s(&[1, 2, 4]).interpolate(Resize::By(&[0.1]), Interpolation::Nearest))
    }),
    ("pixel_shuffle", &["pixel_shuffle", "[3, 1, 1]"], || drop(f32s(&[3, 1, 1]).pixel_shuffle(2))),
    ("pixel_unshuffle", &["pixel_unshuffle", "[1, 3, 2]"], || drop(f32s(&[1, 3, 2]).pixel_unshuffle(2))),
    ("avg_pool2d", &["avg_pool2d", "i32"], || {
        drop(i32s(&[1, 2, 4, 4]).avg_pool2d(Pool2d::new(2), true, None))
    }),
    ("avg_pool2d, dilation", &["avg_pool2d", "dilation"], || {
        drop(f32s(&[1, 2, 4, 4]).avg_pool2d(Pool2d { dilation: [2; 2], ..Pool2d::new(2) }, true, None))
    }),
    ("max_pool1d, rank", &["max_pool1d", "[4]"], || drop(f32s(&[4]).max_pool1d(Pool1d::new(2)))),
    ("max_pool2d, kernel", &["max_pool2d", "kernel: [0, 0]"], || {
        drop(f32s(&[1, 2, 4, 4]).max_pool2d(Pool2d::new(0)))
    }),
    ("max_pool2d, stride", &["max_pool2d", "stride: [0, 1]"], || {
        drop(f32s(&[1, 2, 4, 4]).max_pool2d(Pool2d { stride: [0, 1], ..Pool2d::new(2) }))
    }),
    ("avg_pool1d", &["avg_pool1d", "padding 2"], || {
        drop(f32s(&[1, 2, 4]).avg_pool1d(Pool1d { padding: [2], ..Pool1d::new(3) }, true))
    }),
    ("avg_pool2d, divisor", &["avg_pool2d", "divisor 0"], || {
        drop(f32s(&[1, 2, 4, 4]).avg_pool2d(Pool2d::new(2), true, Some(0)))
    }),
    ("avg_pool3d", &["avg_pool3d", "dilation"], || {
        drop(f32s(&[1, 2, 4, 4, 4]).avg_pool3d(Pool3d { dilation: [2; 3], ..Pool3d::new(2) }, true))
    }),
    ("avg_pool3d, type", &["avg_pool3d", "i32"], || {
        drop(i32s(&[1, 2, 4, 4, 4]).avg_pool3d(Pool3d::new(2), true))
    }),
    ("lp_pool1d", &["lp_pool1d", "power is 0"], || drop(f32s(&[1, 2, 4]).lp_pool1d(0.0, Pool1d::new(2)))),
    ("adaptive_avg_pool1d", &["adaptive_avg_pool1d", "[2, 0]", "[3]"], || {
        drop(f32s(&[2, 0]).adaptive_avg_pool1d(3))
    }),
    ("adaptive_max_pool2d", &["adaptive_max_pool2d", "i32"], || {
        drop(i32s(&[1, 4, 4]).adaptive_max_pool2d([2, 2]))
    }),
    ("interpolate, type", &["interpolate", "i32"], || {
        drop(i32s(&[1, 2, 4]).interpolate(Resize::To(&[2]), Interpolation::Nearest))
    }),
    ("interpolate, rank", &["interpolate", "[2, 4]"], || {
        drop(f32s(&[2, 4]).interpolate(Resize::To(&[2]), Interpolation::Nearest))
    }),
    ("pixel_shuffle, factor", &["pixel_shuffle", "factor 0"], || drop(f32s(&[4, 1, 1]).pixel_shuffle(0))),
];

#[test]
fn mistakes() {
    check(MISTAKES);
}
