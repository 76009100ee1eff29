use super::{Case, noise};
use crate::kernels::{PartialSum, SumPartials};

/// Rows of several strides, into parts of a buffer that keeps the rest.
pub(super) fn cases() -> Vec<Case> {
    let sums = vec![
        (PartialSum { count: 100, first: 0, step: 1, stride: 100, terms: 7 }, 128),
        (PartialSum { count: 64, first: 701, step: 10, stride: 2, terms: 5 }, 0),
        (PartialSum { count: 3, first: 700, step: 10, stride: 2, terms: 5 }, 250),
    ];
    vec![Case::new(SumPartials { sums }, 1e-6).floats(&noise(1400, 1)).floats(&noise(260, 2))]
}
