use std::sync::Arc;

use super::{Case, noise};
use crate::kernels::{
    Binary, Conv2d, Conv2dInputGrad, Conv2dShape, Fused, Instr, Map, MatMul, Program, Prologue, Reduce,
    ReduceOp, Unary,
};
use crate::{DType, Kernel, Layout};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![];
    // Whole vectors, a split inner dimension, and rows of no whole vectors.
    for [m, n, k] in [[33, 40, 70], [64, 16, 600], [9, 7, 5]] {
        let product = MatMul::new(Layout::contiguous(&[m, k]), Layout::contiguous(&[k, n]));
        for keep in [true, false] {
            let case = behind(product.clone(), &[m, n], keep, 5e-6);
            let case = case.floats(&noise(m * k, 1)).floats(&noise(k * n, 2));
            cases.push(outputs(case, [m, n], keep));
        }
    }
    let shape = Conv2dShape {
        batch: 2,
        in_channels: 5,
        out_channels: 12,
        groups: 1,
        input: [8, 8],
        kernel: [3, 3],
        stride: [1, 1],
        padding: [1, 1],
        dilation: [1, 1],
    };
    cases.push(convolution(shape, false));
    cases.push(convolution(Conv2dShape { stride: [2, 2], input: [9, 8], ..shape }, true));
    let rows = Prologue::plain(DType::F32, Layout::contiguous(&[6, 7, 300]));
    let case = behind(Reduce::new(ReduceOp::Sum, rows, 2), &[6, 7], false, 2e-6);
    cases.push(outputs(case.floats(&noise(6 * 7 * 300, 1)), [6, 7], false));
    cases
}

/// A convolution or its input gradient, followed by a bias per channel.
fn convolution(shape: Conv2dShape, gradient: bool) -> Case {
    let ([h, w], [oh, ow]) = (shape.input, shape.output());
    let source = |c, h, w| Prologue::plain(DType::F32, Layout::contiguous(&[shape.batch, c, h, w]));
    let weight = noise(shape.out_channels * shape.in_channels * 9, 2);
    let (kernel, channels, input, [h, w]): (Arc<dyn Kernel>, _, _, _) = match gradient {
        true => {
            let dy = source(shape.out_channels, oh, ow);
            let input = noise(dy.numel(), 1);
            (Arc::new(Conv2dInputGrad::new(shape, dy)), shape.in_channels, input, [h, w])
        }
        false => {
            let x = source(shape.in_channels, h, w);
            let input = noise(x.numel(), 1);
            (Arc::new(Conv2d::new(shape, x)), shape.out_channels, input, [oh, ow])
        }
    };
    let y = [shape.batch, channels, h * w];
    let case = fused(kernel, &y, true, 5e-6).floats(&input).floats(&weight);
    let count = y.iter().product();
    case.writes(count).floats(&noise(channels, 3)).floats(&noise(count, 4)).writes(count)
}

fn behind(kernel: impl Kernel + 'static, shape: &[usize], keep: bool, tolerance: f32) -> Case {
    fused(Arc::new(kernel), shape, keep, tolerance)
}

/// `gelu(kernel + bias) + residual`, with a bias for each index of dimension 1.
fn fused(kernel: Arc<dyn Kernel>, shape: &[usize], keep: bool, tolerance: f32) -> Case {
    let code = [
        Instr::Binary(Binary::Add, 0, 1),
        Instr::Unary(Unary::GeluTanh, 3),
        Instr::Binary(Binary::Add, 4, 2),
    ];
    let program = Program::new(&[DType::F32; 3], &code);
    let dense = Layout::contiguous(shape);
    let strides = (0..shape.len()).map(|d| isize::from(d == 1)).collect();
    let bias = Layout::new(shape.to_vec(), strides, 0);
    let map = Map::new(program, &[dense.clone(), bias, dense.clone()], dense);
    let fused = Fused::new(kernel, map, vec![Some(0), None, None], vec![keep]);
    Case::new(fused.expect("the kernel emits its results"), tolerance)
}

/// The other arguments of a case whose bias runs along rows.
fn outputs(case: Case, [m, n]: [usize; 2], keep: bool) -> Case {
    let case = case.writes(m * n).floats(&noise(n, 3)).floats(&noise(m * n, 4));
    if keep { case.writes(m * n) } else { case }
}
