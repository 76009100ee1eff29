use super::{Case, noise, values};
use crate::kernels::{Softmax, SoftmaxGrad};

pub(super) fn cases() -> Vec<Case> {
    let sizes = [(5, 33), (2, 400)];
    sizes
        .into_iter()
        .flat_map(|(rows, cols)| [false, true].into_iter().flat_map(move |log| both(rows, cols, log)))
        .collect()
}

/// A softmax and its gradient.
fn both(rows: usize, cols: usize, log: bool) -> [Case; 2] {
    let count = rows * cols;
    let x: Vec<f32> = noise(count, 1).iter().map(|x| 8.0 * x).collect();
    let forward = Case::new(Softmax { rows, cols, log }, 3e-6).floats(&x).writes(count);
    let y = values(&forward.results()[1]);
    let gradient =
        Case::new(SoftmaxGrad { rows, cols, log }, 3e-6).floats(&y).floats(&noise(count, 2)).writes(count);
    [forward, gradient]
}
