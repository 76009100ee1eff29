use super::{Case, noise};
use crate::kernels::{
    Binary, Conv2d, Conv2dInputGrad, Conv2dShape, Conv2dWeightGrad, Instr, Program, Prologue, Unary,
};
use crate::{DType, Layout};

pub(super) fn cases() -> Vec<Case> {
    let plain = Conv2dShape {
        batch: 2,
        in_channels: 5,
        out_channels: 9,
        groups: 1,
        input: [9, 8],
        kernel: [3, 3],
        stride: [1, 1],
        padding: [1, 1],
        dilation: [1, 1],
    };
    let strided = Conv2dShape { stride: [2, 2], input: [8, 11], ..plain };
    let grouped = Conv2dShape { in_channels: 8, out_channels: 12, groups: 4, ..plain };
    let pointwise = Conv2dShape { kernel: [1, 1], padding: [0, 0], ..plain };
    // Winograd's algorithm on the CPU and on software adapters, which is less accurate.
    let deep = Conv2dShape { in_channels: 64, out_channels: 65, ..plain };
    let shapes = [(plain, 1e-5), (strided, 1e-5), (grouped, 1e-5), (pointwise, 1e-5), (deep, 6e-5)];
    shapes.into_iter().flat_map(|(shape, tolerance)| passes(shape, tolerance)).collect()
}

/// The three passes, large enough for cooperative matrices, over operands in memory.
pub(super) fn large() -> [Case; 3] {
    let s = Conv2dShape {
        batch: 2,
        in_channels: 36,
        out_channels: 33,
        groups: 1,
        input: [7, 8],
        kernel: [3, 3],
        stride: [2, 1],
        padding: [1, 1],
        dilation: [1, 1],
    };
    let [nx, nw, ny] = s.sizes();
    let ([h, w], [oh, ow]) = (s.input, s.output());
    let x = Prologue::plain(DType::F32, Layout::contiguous(&[s.batch, s.in_channels, h, w]));
    let dy = Prologue::plain(DType::F32, Layout::contiguous(&[s.batch, s.out_channels, oh, ow]));
    let [a, weight, gradient] = [(nx, 1), (nw, 2), (ny, 3)].map(|(count, seed)| noise(count, seed));
    [
        Case::new(Conv2d::new(s, x.clone()), 1e-5).floats(&a).floats(&weight).writes(ny),
        Case::new(Conv2dInputGrad::new(s, dy.clone()), 1e-5).floats(&gradient).floats(&weight).writes(nx),
        Case::new(Conv2dWeightGrad::new(s, x, dy), 1e-5).floats(&a).floats(&gradient).writes(nw),
    ]
}

/// The three passes; x is `relu(a + shift)` with one shift per channel.
fn passes(s: Conv2dShape, tolerance: f32) -> [Case; 3] {
    let ([h, w], [oh, ow], [kh, kw]) = (s.input, s.output(), s.kernel);
    let (x, y) = ([s.batch, s.in_channels, h, w], [s.batch, s.out_channels, oh, ow]);
    let [inputs, outputs]: [usize; 2] = [x, y].map(|shape| shape.iter().product());
    let weights = s.out_channels * s.in_channels / s.groups * kh * kw;
    let code = [Instr::Binary(Binary::Add, 0, 1), Instr::Unary(Unary::Relu, 2)];
    let layouts = vec![Layout::contiguous(&x), Layout::new(x.to_vec(), vec![0, 1, 0, 0], 0)];
    let x = Prologue::new(Program::new(&[DType::F32; 2], &code), layouts);
    let dy = Prologue::plain(DType::F32, Layout::contiguous(&y));
    let (a, shift, weight, gradient) =
        (noise(inputs, 1), noise(s.in_channels, 2), noise(weights, 3), noise(outputs, 4));
    let forward = Case::new(Conv2d::new(s, x.clone()), tolerance);
    let input_grad = Case::new(Conv2dInputGrad::new(s, dy.clone()), tolerance);
    let weight_grad = Case::new(Conv2dWeightGrad::new(s, x, dy), tolerance);
    [
        forward.floats(&a).floats(&shift).floats(&weight).writes(outputs),
        input_grad.floats(&gradient).floats(&weight).writes(inputs),
        weight_grad.floats(&a).floats(&shift).floats(&gradient).writes(weights),
    ]
}
