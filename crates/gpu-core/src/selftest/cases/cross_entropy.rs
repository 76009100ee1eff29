use super::{Case, noise};
use crate::kernels::{CrossEntropy, CrossEntropyGrad};

pub(super) fn cases() -> Vec<Case> {
    [(9, 10, 0.0), (4, 300, 0.1)]
        .into_iter()
        .flat_map(|(rows, cols, smoothing)| both(rows, cols, smoothing))
        .collect()
}

/// The loss, and its gradient with one dloss per row, and with one for all rows; one row is ignored.
fn both(rows: usize, cols: usize, smoothing: f32) -> [Case; 3] {
    let ignore_index = -100;
    let x: Vec<f32> = noise(rows * cols, 1).iter().map(|x| 8.0 * x).collect();
    let mut target: Vec<u32> = (0..rows).map(|r| (r * 7 % cols) as u32).collect();
    target[1] = ignore_index as u32;
    let loss = Case::new(CrossEntropy { rows, cols, smoothing, ignore_index }, 3e-6);
    let gradient = |one_loss: bool| {
        let kernel = CrossEntropyGrad { rows, cols, smoothing, ignore_index, one_loss };
        let dloss = noise(if one_loss { 1 } else { rows }, 2);
        Case::new(kernel, 3e-6).floats(&x).words(&target).floats(&dloss).writes(rows * cols)
    };
    [loss.floats(&x).words(&target).writes(rows), gradient(false), gradient(true)]
}
