use super::{Case, noise};
use crate::DType;
use crate::kernels::ArgSort;

pub(super) fn cases() -> Vec<Case> {
    let case = |(rows, cols, dtype, descending)| {
        // Some are equal, which keep their order.
        let x: Vec<f32> = noise(rows * cols, 1).iter().map(|x| (x * 50.0).round()).collect();
        Case::new(ArgSort { rows, cols, dtype, descending }, 0.0).floats(&x).writes_words(rows * cols)
    };
    [(5, 32, DType::F32, false), (2, 300, DType::F32, true), (3, 33, DType::I32, false)].map(case).to_vec()
}
