//! Kernels of int8 codes: WGSL against the CPU twin, whose instructions are all tested in `src/kernels/int8/tests.rs`. Results are equal to
//! the bit.

use std::sync::Arc;

use gpu_core::kernels::int8::{
    Int8Conv2d, Int8Dequantize, Int8Epilogue, Int8MatMul, Int8Quantize, Int8Weight,
};
use gpu_core::kernels::{Binary, Conv2dShape, Instr, Program, Prologue, Unary};
use gpu_core::testing::check_twin;
use gpu_core::{DType, Layout};

fn words(count: usize, step: usize) -> Vec<u32> {
    (0..count).map(|i| (i as u32 + 1).wrapping_mul(2_654_435_761).wrapping_mul(step as u32 * 2 + 1)).collect()
}

fn floats(count: usize, step: usize) -> Vec<u32> {
    (0..count).map(|i| ((i * step * 7919 % 1009) as f32 / 500.0 - 1.0).to_bits()).collect()
}

/// Panels and table of a weight `[outputs, inputs, taps]`.
fn weight(outputs: usize, inputs: usize, taps: usize) -> [Vec<u32>; 2] {
    let codes: Vec<i8> =
        (0..outputs * inputs * taps).map(|i| (i * 89 % 255) as i8).map(|c| c.max(-127)).collect();
    let weight = Int8Weight { codes: &codes, outputs, inputs, taps };
    let numbers = |f: &dyn Fn(i32) -> i32| -> Vec<i32> { (0..outputs as i32).map(f).collect() };
    let factors: Vec<f32> = (0..outputs).map(|o| 0.0007 + 0.0001 * o as f32).collect();
    [weight.panels(), weight.table(&numbers(&|o| 900 - 55 * o), &factors, &numbers(&|o| 9 + o))]
}

fn forms() -> [Int8Epilogue; 4] {
    let values = Int8Epilogue { residual: false, relu: false, codes: None };
    let codes = Int8Epilogue { residual: true, relu: true, codes: Some(-128) };
    [values, Int8Epilogue { residual: true, ..values }, codes, Int8Epilogue { relu: false, ..codes }]
}

/// Arguments after x.
fn layer(weight: &[Vec<u32>; 2], form: Int8Epilogue, quads: usize, values: usize) -> (Vec<Vec<u32>>, bool) {
    let residual = form.residual.then(|| words(quads, 3));
    let output = vec![7; if form.codes.is_some() { quads } else { values }];
    (weight.iter().cloned().chain(residual).chain([output]).collect(), form.codes.is_none())
}

#[test]
fn convolutions_agree() {
    let plain = Conv2dShape {
        batch: 2,
        in_channels: 7,
        out_channels: 11,
        groups: 1,
        input: [7, 9],
        kernel: [3, 3],
        stride: [1, 1],
        padding: [1, 1],
        dilation: [1, 1],
    };
    let shapes = [
        plain,
        Conv2dShape { stride: [2, 2], input: [9, 16], in_channels: 16, out_channels: 16, ..plain },
        Conv2dShape { kernel: [1, 1], padding: [0, 0], out_channels: 32, ..plain },
        Conv2dShape { kernel: [2, 5], padding: [3, 2], dilation: [2, 1], in_channels: 1, ..plain },
    ];
    for shape in shapes {
        let ([h, w], area) = (shape.input, shape.output().iter().product::<usize>());
        let weight = weight(shape.out_channels, shape.in_channels, shape.kernel[0] * shape.kernel[1]);
        let x = words(shape.batch * shape.in_channels.div_ceil(4) * h * w, 1);
        let outputs = shape.batch * shape.out_channels * area;
        let quads = shape.batch * shape.out_channels.div_ceil(4) * area;
        for form in forms() {
            let (rest, float) = layer(&weight, form, quads, outputs);
            let args: Vec<Vec<u32>> = [x.clone()].into_iter().chain(rest).collect();
            let types: Vec<bool> = (1..=args.len()).map(|i| float && i == args.len()).collect();
            check_twin(Arc::new(Int8Conv2d::new(shape, -9, form)), &args, &types, 0.0);
        }
    }
}

#[test]
fn products_agree() {
    for [m, n, k] in [[1, 10, 64], [5, 7, 9], [33, 40, 48], [70, 16, 130]] {
        let (weight, x) = (weight(n, k, 1), words(m * k.div_ceil(4), 1));
        for form in forms() {
            let (rest, float) = layer(&weight, form, m * n.div_ceil(4), m * n);
            let args: Vec<Vec<u32>> = [x.clone()].into_iter().chain(rest).collect();
            let types: Vec<bool> = (1..=args.len()).map(|i| float && i == args.len()).collect();
            check_twin(Arc::new(Int8MatMul::new([m, n, k], form)), &args, &types, 0.0);
        }
    }
}

/// Codes of plain values and of a sum with one number for each channel, through ReLU; and back.
#[test]
fn codes_agree() {
    for shape in [[2usize, 5, 12], [3, 8, 6], [9, 64, 1], [5, 7, 1], [1, 4, 3000], [40, 30, 1]] {
        let (count, quads) = (shape.iter().product(), shape[0] * shape[1].div_ceil(4) * shape[2]);
        let dense = Layout::contiguous(&shape);
        let plain = Prologue::plain(DType::F32, dense.clone());
        let quantize = Int8Quantize::new(plain, shape, 0.006, -30);
        check_twin(Arc::new(quantize), &[floats(count, 1), vec![7; quads]], &[false, false], 0.0);
        let code = [Instr::Binary(Binary::Add, 0, 1), Instr::Unary(Unary::Relu, 2)];
        let layouts = vec![dense, Layout::new(shape.to_vec(), vec![0, 1, 0], 0)];
        let sum = Prologue::new(Program::new(&[DType::F32; 2], &code), layouts);
        let quantize = Int8Quantize::new(sum, shape, 0.0061, -128);
        let args = [floats(count, 1), floats(shape[1], 2), vec![7; quads]];
        check_twin(Arc::new(quantize), &args, &[false; 3], 0.0);
        let dequantize = Int8Dequantize::new(shape, 0.0061, -128);
        check_twin(Arc::new(dequantize), &[words(quads, 1), vec![7; count]], &[false, true], 0.0);
    }
}
