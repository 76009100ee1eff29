use super::{Case, noise};
use crate::kernels::{AvgPool2d, AvgPool2dGrad, MaxPool2d, MaxPool2dGrad, Pool2dShape};

pub(super) fn cases() -> Vec<Case> {
    let plain = Pool2dShape {
        planes: 3,
        input: [8, 8],
        output: [4, 4],
        kernel: [2, 2],
        stride: [2, 2],
        padding: [0, 0],
        dilation: [1, 1],
    };
    let overlapping =
        Pool2dShape { input: [7, 10], output: [4, 5], kernel: [3, 3], padding: [1, 1], ..plain };
    [plain, overlapping].into_iter().flat_map(all).collect()
}

fn all(shape: Pool2dShape) -> [Case; 4] {
    let inputs = shape.planes * shape.input[0] * shape.input[1];
    let outputs = shape.planes * shape.output[0] * shape.output[1];
    let (x, dy) = (noise(inputs, 1), noise(outputs, 2));
    let (count_include_pad, divisor) = (false, None);
    let max = Case::new(MaxPool2d { shape }, 0.0).floats(&x).writes(outputs).writes_words(outputs);
    let index = max.results().swap_remove(2);
    [
        max,
        Case::new(MaxPool2dGrad { shape }, 1e-6).floats(&dy).words(&index).writes(inputs),
        Case::new(AvgPool2d { shape, count_include_pad, divisor }, 1e-6).floats(&x).writes(outputs),
        Case::new(AvgPool2dGrad { shape, count_include_pad, divisor }, 1e-6).floats(&dy).writes(inputs),
    ]
}
