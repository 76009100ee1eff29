use std::sync::Arc;

use super::{Case, noise};
use crate::kernels::{LayerNormGradParams, PartialSum, SumPartials, Unsummed};

/// Rows of several strides, into parts of a buffer whose other elements keep their values; and a kernel whose outputs are one part each,
/// which CPU and GPU cut alike.
pub(super) fn cases() -> Vec<Case> {
    let sums = vec![
        (PartialSum { count: 100, first: 0, step: 1, stride: 100, terms: 7 }, 128),
        (PartialSum { count: 64, first: 701, step: 10, stride: 2, terms: 5 }, 0),
        (PartialSum { count: 3, first: 700, step: 10, stride: 2, terms: 5 }, 250),
    ];
    let (rows, cols) = (20, 9);
    let gradients = Arc::new(LayerNormGradParams { rows, cols });
    let unsummed = Unsummed::new(gradients).expect("its last stage adds up parts");
    assert!(unsummed.sums().iter().all(|sum| sum.terms == 1));
    let floats = unsummed.bytes() / 4;
    let unsummed = Case::new(unsummed, 2e-5).floats(&noise(rows * cols, 3)).floats(&noise(rows, 4));
    vec![
        Case::new(SumPartials { sums }, 1e-6).floats(&noise(1400, 1)).floats(&noise(260, 2)),
        unsummed.floats(&noise(rows, 5)).floats(&noise(rows * cols, 6)).writes(floats),
    ]
}
