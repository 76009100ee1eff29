use super::{Case, noise};
use crate::kernels::int8::{Int8Conv2d, Int8Dequantize, Int8Epilogue, Int8MatMul, Int8Quantize, Int8Weight};
use crate::kernels::{Conv2dShape, Prologue};
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
    let strided = Conv2dShape { stride: [2, 2], input: [8, 33], in_channels: 16, out_channels: 20, ..plain };
    let values = Int8Epilogue { residual: false, relu: false, codes: None };
    let codes = Int8Epilogue { residual: true, relu: false, codes: Some(-5) };
    let forms = [values, Int8Epilogue { relu: true, ..values }, codes, Int8Epilogue { relu: true, ..codes }];
    let convolutions =
        forms.into_iter().flat_map(|form| [convolution(plain, form), convolution(strided, form)]);
    let products =
        forms.into_iter().flat_map(|form| [product([13, 10, 30], form), product([1, 33, 64], form)]);
    let quantized = [[2, 5, 12], [3, 8, 4], [7, 64, 1], [3, 7, 1]].into_iter().flat_map(both);
    convolutions.chain(products).chain(quantized).collect()
}

/// Words of any codes.
fn words(count: usize, seed: u64) -> Vec<u32> {
    noise(count, seed).iter().map(|x| (x * 2e9) as i32 as u32).collect()
}

/// Panels and table of a weight `[outputs, inputs, taps]`.
fn weight([outputs, inputs, taps]: [usize; 3]) -> [Vec<u32>; 2] {
    let codes: Vec<i8> = noise(outputs * inputs * taps, 2).iter().map(|x| (x * 127.0) as i8).collect();
    let weight = Int8Weight { codes: &codes, outputs, inputs, taps };
    let of = |f: &dyn Fn(i32) -> i32| -> Vec<i32> { (0..outputs as i32).map(f).collect() };
    let factors: Vec<f32> = (0..outputs).map(|o| 0.003 + 0.001 * o as f32).collect();
    [weight.panels(), weight.table(&of(&|o| 77 * o - 500), &factors, &of(&|o| 31 + o))]
}

fn layer(case: Case, weight: [Vec<u32>; 2], form: Int8Epilogue, [quads, values]: [usize; 2]) -> Case {
    let case = case.words(&weight[0]).words(&weight[1]);
    let case = if form.residual { case.words(&words(quads, 3)) } else { case };
    if form.codes.is_some() { case.writes_words(quads) } else { case.writes(values) }
}

fn convolution(s: Conv2dShape, form: Int8Epilogue) -> Case {
    let (area, [h, w]) = (s.output().iter().product::<usize>(), s.input);
    let x = words(s.batch * s.in_channels.div_ceil(4) * h * w, 1);
    let outputs = [s.out_channels.div_ceil(4), s.out_channels].map(|channels| s.batch * channels * area);
    let weight = weight([s.out_channels, s.in_channels, s.kernel[0] * s.kernel[1]]);
    layer(Case::new(Int8Conv2d::new(s, 7, form), 0.0).words(&x), weight, form, outputs)
}

fn product([m, n, k]: [usize; 3], form: Int8Epilogue) -> Case {
    let case = Case::new(Int8MatMul::new([m, n, k], form), 0.0).words(&words(m * k.div_ceil(4), 1));
    layer(case, weight([n, k, 1]), form, [m * n.div_ceil(4), m * n])
}

fn both([outer, channels, inner]: [usize; 3]) -> [Case; 2] {
    let shape = [outer, channels, inner];
    let (count, quads) = (shape.iter().product(), outer * channels.div_ceil(4) * inner);
    let x = Prologue::plain(DType::F32, Layout::contiguous(&shape));
    let quantize = Case::new(Int8Quantize::new(x, shape, 0.005, 40), 0.0).floats(&noise(count, 1));
    let dequantize = Case::new(Int8Dequantize::new(shape, 0.005, 40), 0.0).words(&words(quads, 2));
    [quantize.writes_words(quads), dequantize.writes(count)]
}
