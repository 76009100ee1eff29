//! The element-wise kernel: every function and stride pattern, CPU twin against WGSL.

mod common;

use std::sync::Arc;

use gpu_core::kernels::{Binary, Instr, Map, Program, Unary};
use gpu_core::testing::check_twin;
use gpu_core::{DType, Kernel, Layout};

use common::noise;

fn words(values: impl IntoIterator<Item = f32>) -> Vec<u32> {
    values.into_iter().map(f32::to_bits).collect()
}

#[test]
fn unary_functions_agree() {
    use Unary::*;
    let signed: Vec<f32> = (-40..40).map(|i| i as f32 * 0.13 + 0.01).collect();
    let positive: Vec<f32> = (1..80).map(|i| i as f32 * 0.21).collect();
    let unit: Vec<f32> = (-9..10).map(|i| i as f32 * 0.11).collect();
    let above: Vec<f32> = (0..40).map(|i| 1.0 + i as f32 * 0.4).collect();
    let domains: [(&[f32], &[Unary]); 4] = [
        (
            &signed,
            &[
                Neg,
                Abs,
                Sign,
                Recip,
                Exp,
                Expm1,
                Sin,
                Cos,
                Tan,
                Atan,
                Sinh,
                Cosh,
                Asinh,
                Tanh,
                Erf,
                Erfc,
                Sigmoid,
                Relu,
                GeluTanh,
                GeluTanhGrad,
                Floor,
                Ceil,
                Round,
                Trunc,
            ],
        ),
        (&positive, &[Sqrt, Rsqrt, Log, Log1p]),
        (&unit, &[Asin, Acos, Atanh]),
        (&above, &[Acosh]),
    ];
    for (xs, ops) in domains {
        for &op in ops {
            let program = Program::new(&[DType::F32], &[Instr::Unary(op, 0)]);
            let layout = Layout::contiguous(&[xs.len()]);
            let kernel = Map::new(program, std::slice::from_ref(&layout), layout.clone());
            check_twin(
                Arc::new(kernel),
                &[words(xs.iter().copied()), vec![0; xs.len()]],
                &[true, true],
                1e-6,
            );
        }
    }
}

#[test]
fn broadcast_transpose_and_flip_agree() {
    let program = Program::new(&[DType::F32; 2], &[Instr::Binary(Binary::Sub, 0, 1)]);
    let a = Layout::contiguous(&[5, 7]).permute(&[1, 0]).slice(0, 6, 7, -1);
    let b = Layout::contiguous(&[5]).expand(&[7, 5]);
    let out = Layout::contiguous(&[9, 5]).slice(0, 1, 7, 1);
    let kernel = Map::new(program, &[a, b], out);
    let args = [words((0..35).map(|i| i as f32)), words((0..5).map(|i| i as f32 * 100.0)), vec![0; 45]];
    check_twin(Arc::new(kernel), &args, &[true; 3], 0.0);
}

#[test]
fn long_chains_cross_blocks() {
    let n = 40_000;
    let code = [
        Instr::Binary(Binary::Mul, 0, 0),
        Instr::Const(DType::F32, 2.5f32.to_bits()),
        Instr::Binary(Binary::Gt, 1, 2),
        Instr::Unary(Unary::Neg, 0),
        Instr::Select(3, 4, 0),
    ];
    let layout = Layout::contiguous(&[n]);
    let kernel = Map::new(Program::new(&[DType::F32], &code), std::slice::from_ref(&layout), layout.clone());
    check_twin(
        Arc::new(kernel),
        &[words((0..n).map(|i| (i % 17) as f32 - 8.0)), vec![0; n]],
        &[true; 2],
        0.0,
    );
}

/// Four elements an invocation where they are vectors or one repeated element, single elements elsewhere: vectors of each kind of input,
/// a part of a larger buffer, rows that end within a vector, and an argument that is read both ways.
#[test]
fn vectors_and_single_elements_agree() {
    let program =
        Program::new(&[DType::F32; 3], &[Instr::Binary(Binary::Sub, 0, 1), Instr::Binary(Binary::Mul, 3, 2)]);
    let image = |cols: usize| Layout::contiguous(&[3, 5, cols]);
    let channel = |cols: usize| Layout::new(vec![3, 5, cols], vec![0, 1, 0], 0);
    let part = Layout::contiguous(&[3, 5, 24]).slice(2, 8, 12, 1);
    for (cols, first, shaders) in [(12, part, 45), (12, image(12), 45), (7, image(7), 105)] {
        let (a, n) = (noise(3 * 5 * 24, 1), 15 * cols);
        let kernel = Map::new(program.clone(), &[first, channel(cols), image(cols)], image(cols));
        let workgroups: u32 = kernel.shaders()[0].workgroups().iter().product();
        assert_eq!(workgroups as usize, usize::div_ceil(shaders, 64));
        let args = [words(a), words(noise(5, 2)), words(noise(n, 3)), vec![0; n]];
        check_twin(Arc::new(kernel), &args, &[true; 4], 0.0);
    }
    let inputs = vec![
        (0, image(4).into()),
        (0, Layout::new(vec![3, 5, 4], vec![0; 3], 61).into()),
        (1, image(4).into()),
    ];
    let kernel = Map::fused(program, inputs, vec![image(4).into()]);
    check_twin(Arc::new(kernel), &[words(noise(62, 1)), words(noise(60, 3)), vec![0; 60]], &[true; 3], 0.0);
}
