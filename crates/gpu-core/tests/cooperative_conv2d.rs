//! Convolutions of f16 and their gradients by cooperative matrices: all variants against f64, where the device has such matrices.

mod common;

use std::sync::Arc;

use common::cooperative::{alone, cooperating, half, halves, with};
use common::noise;
use gpu_core::kernels::{
    Binary, ChannelMoments, ChannelReduction, Conv2d, Conv2dInputGrad, Conv2dShape, Conv2dWeightGrad, Fused,
    Halves, Instr, Map, Packed, Program, Prologue, WithParts,
};
use gpu_core::testing::{check_twin, run_kernel, validate};
use gpu_core::{Cooperative, DType, Device, GpuFamily, GpuProfile, Half, Kernel, Layout, Variants};

/// A pass of a convolution with its arguments.
struct Pass {
    kernel: Packed,
    /// The operands in words.
    operands: [Vec<u32>; 2],
    /// The exact result, and how far sums in f32 may be from it.
    want: Vec<f64>,
    bounds: Vec<f64>,
}

fn x_shape(s: &Conv2dShape) -> [usize; 4] {
    [s.batch, s.in_channels, s.input[0], s.input[1]]
}

fn y_shape(s: &Conv2dShape) -> [usize; 4] {
    [s.batch, s.out_channels, s.output()[0], s.output()[1]]
}

/// Visits every product of the convolution as indices of x, weight and y.
fn products(s: &Conv2dShape, mut visit: impl FnMut(usize, usize, usize)) {
    let ([h, w], [oh, ow], [kh, kw]) = (s.input, s.output(), s.kernel);
    let (inner, outer) = (s.in_channels / s.groups, s.out_channels / s.groups);
    let input = |out: usize, tap: usize, d: usize, size: usize| {
        (out * s.stride[d] + tap * s.dilation[d]).checked_sub(s.padding[d]).filter(|&i| i < size)
    };
    for (n, o, c) in
        (0..s.batch).flat_map(|n| (0..s.out_channels).flat_map(move |o| (0..inner).map(move |c| (n, o, c))))
    {
        let (plane, kernel) = (n * s.in_channels + o / outer * inner + c, o * inner + c);
        for (i, p) in (0..kh).flat_map(|i| (0..oh).map(move |p| (i, p))) {
            let Some(row) = input(p, i, 0, h) else { continue };
            for (j, q) in (0..kw).flat_map(|j| (0..ow).map(move |q| (j, q))) {
                let Some(col) = input(q, j, 1, w) else { continue };
                let y = ((n * s.out_channels + o) * oh + p) * ow + q;
                visit((plane * h + row) * w + col, (kernel * kh + i) * kw + j, y);
            }
        }
    }
}

/// The convolution, its input gradient and its weight gradient, with operands that are packed, or stored as f32 although they are f16.
fn passes(s: Conv2dShape, packed: [bool; 2]) -> [Pass; 3] {
    let [nx, ny] = [x_shape(&s), y_shape(&s)].map(|shape| shape.iter().product());
    let nw = s.out_channels * s.in_channels / s.groups * s.kernel[0] * s.kernel[1];
    let sizes: [usize; 3] = [nx, nw, ny];
    let mut words = vec![];
    let mut values = vec![];
    for (seed, n) in (1..).zip(sizes) {
        let (w, v) = halves(&noise(n, seed));
        words.push(w);
        values.push(v);
    }
    let mut sums = sizes.map(|n| vec![[0.0f64; 3]; n]);
    products(&s, |i, j, k| {
        let at = [i, j, k];
        for of in 0..3 {
            let [a, b] = [(of + 1) % 3, (of + 2) % 3];
            let term = values[a][at[a]] * values[b][at[b]];
            let sum = &mut sums[of][at[of]];
            *sum = [sum[0] + term, sum[1] + term.abs(), sum[2] + 1.0];
        }
    });
    let [x, dy] =
        [x_shape(&s), y_shape(&s)].map(|shape| Prologue::plain(DType::F32, Layout::contiguous(&shape)));
    let kernels: [Arc<dyn Kernel>; 3] = [
        Arc::new(Conv2d::new(s, x.clone())),
        Arc::new(Conv2dInputGrad::new(s, dy.clone())),
        Arc::new(Conv2dWeightGrad::new(s, x, dy)),
    ];
    let mut arguments = [[0, 1, 2], [2, 1, 0], [0, 2, 1]].into_iter();
    kernels.map(|kernel| {
        let [a, b, out] = arguments.next().expect("three");
        let stored = |i: usize, of: usize| half(sizes[of]).filter(|_| packed[i]);
        let kernel = Packed::new(kernel, vec![stored(0, a), stored(1, b)]).expect("they pack");
        let unpacked = (0..2).filter(|&i| !packed[i]).collect();
        let kernel = kernel.of_f16_values(unpacked).expect("their values are f16");
        let floats = |of: usize| values[of].iter().map(|&x| (x as f32).to_bits()).collect();
        let operand = |i: usize, of: usize| if packed[i] { words[of].clone() } else { floats(of) };
        Pass {
            kernel,
            operands: [operand(0, a), operand(1, b)],
            want: sums[out].iter().map(|sum| sum[0]).collect(),
            bounds: sums[out].iter().map(|[_, size, terms]| terms * 2f64.powi(-22) * size).collect(),
        }
    })
}

impl Pass {
    /// Runs a kernel over results of NaN, with `others` between operands and result, and returns the words of the result.
    fn run(&self, device: &Device, kernel: Arc<dyn Kernel>) -> Vec<u32> {
        let args = [&self.operands[..], &[vec![f32::NAN.to_bits(); self.want.len()]]].concat();
        run_kernel(device, kernel, &args).remove(2)
    }

    fn check(&self, name: &str, got: &[u32]) {
        for (at, &got) in got.iter().enumerate() {
            let (got, want) = (f64::from(f32::from_bits(got)), self.want[at]);
            let right = (got - want).abs() <= self.bounds[at];
            let what = (self.kernel.name(), self.kernel.shape());
            assert!(right, "{what:?} {name}: element {at} is {got}, not {want}");
        }
    }
}

/// The variants of a kernel by cooperative matrices.
fn variants(kernel: &dyn Kernel, cooperative: Cooperative) -> Variants {
    let variants = kernel.variants(&with(cooperative)).expect("convolutions have variants");
    assert!(variants.cooperative && variants.options.len() > 1, "{kernel:?}");
    variants
}

/// `n, c, o, groups, [h, w], [kh, kw], stride, padding, dilation`
type Case = (usize, usize, usize, usize, [usize; 2], [usize; 2], [usize; 2], [usize; 2], [usize; 2]);

/// Slices of one tap, whole and cut, and of several; pixels alone, in fours and cut at the end; strides, dilations and groups.
#[rustfmt::skip]
const CASES: [Case; 9] = [
    (3, 64, 40, 1, [6, 6], [3, 3], [1, 1], [1, 1], [1, 1]),
    (2, 32, 36, 1, [8, 4], [1, 1], [1, 1], [0, 0], [1, 1]),
    (3, 68, 33, 1, [7, 9], [3, 3], [2, 2], [1, 1], [1, 1]),
    (2, 37, 70, 1, [5, 5], [3, 3], [1, 1], [1, 1], [1, 1]),
    (1, 48, 64, 1, [9, 8], [1, 1], [2, 2], [0, 0], [1, 1]),
    (2, 64, 72, 2, [6, 4], [3, 2], [1, 1], [2, 1], [2, 1]),
    (1, 33, 35, 1, [7, 6], [2, 3], [1, 2], [0, 2], [1, 1]),
    (2, 36, 34, 1, [5, 6], [1, 1], [1, 1], [0, 0], [1, 1]),
    (5, 32, 32, 1, [12, 8], [3, 3], [1, 1], [0, 1], [1, 1]),
];

fn shape((batch, c, o, groups, input, kernel, stride, padding, dilation): Case) -> Conv2dShape {
    Conv2dShape { batch, in_channels: c, out_channels: o, groups, input, kernel, stride, padding, dilation }
}

/// Checks a pass of all cases.
fn variants_agree_with_f64(pass: usize) {
    let _alone = alone();
    let Some((device, cooperative)) = cooperating() else { return };
    for (i, case) in CASES.into_iter().enumerate() {
        let pass = &passes(shape(case), [i % 3 != 1, i % 4 != 2])[pass];
        let mut options = variants(&pass.kernel, cooperative).options;
        // Shaders take seconds to compile: one variant for most cases, in turn.
        if i > 0 {
            options = vec![options.swap_remove(i % options.len())];
        }
        let mut bits: Option<Vec<u32>> = None;
        for (name, kernel) in options {
            println!("{} {}: {name}", pass.kernel.name(), pass.kernel.shape());
            kernel.shaders().iter().for_each(|shader| validate(&shader.module()));
            let got = pass.run(&device, kernel);
            pass.check(&name, &got);
            assert!(*bits.get_or_insert_with(|| got.clone()) == got, "{name} adds in another order");
        }
    }
}

#[test]
fn convolutions_agree_with_f64() {
    variants_agree_with_f64(0);
}

#[test]
fn input_gradients_agree_with_f64() {
    variants_agree_with_f64(1);
}

#[test]
fn weight_gradients_agree_with_f64() {
    variants_agree_with_f64(2);
}

/// Pixels in several parts, which are added up by another dispatch.
#[test]
fn weight_gradients_are_split() {
    let _alone = alone();
    let Some((device, cooperative)) = cooperating() else { return };
    let case = (7, 32, 32, 1, [10, 12], [3, 3], [1, 1], [1, 1], [1, 1]);
    let pass = &passes(shape(case), [true; 2])[2];
    let (name, kernel) = variants(&pass.kernel, cooperative).options.swap_remove(0);
    assert_eq!(kernel.shaders().len(), 2, "840 pixels in two parts");
    pass.check(&name, &pass.run(&device, kernel));
}

/// Code behind a convolution and its input gradient, and moments of the channels of the result, alone and in fours of pixels.
#[test]
fn epilogues_and_channel_moments_come_along() {
    let _alone = alone();
    let Some((_, cooperative)) = cooperating() else { return };
    let fours = (3, 32, 40, 1, [6, 6], [3, 3], [1, 1], [1, 1], [1, 1]);
    let alone = (2, 34, 33, 1, [7, 9], [1, 1], [2, 2], [0, 0], [1, 1]);
    for (case, of) in [(fours, 0), (alone, 0), (alone, 1), (fours, 1)] {
        let s = shape(case);
        let pass = &passes(s, [true; 2])[of];
        let [batch, channels, h, w] = if of == 0 { y_shape(&s) } else { x_shape(&s) };
        let dense = Layout::contiguous(&[batch, channels, h * w]);
        let x = Prologue::plain(DType::F32, dense.clone());
        let moments = ChannelMoments { batch, channels, spatial: h * w, x };
        let reduction = ChannelReduction::Moments(Box::new(moments));
        let double = Program::new(&[DType::F32], &[Instr::Binary(Binary::Add, 0, 0)]);
        let map = Map::new(double, std::slice::from_ref(&dense), dense.clone());
        let mut parts = None;
        for (name, kernel) in variants(&pass.kernel, cooperative).options.into_iter().step_by(3) {
            println!("{} {}: {name}", pass.kernel.name(), pass.kernel.shape());
            let fused = Fused::new(kernel, map.clone(), vec![Some(0)], vec![false]).expect("it emits");
            let kernel: Arc<dyn Kernel> = Arc::new(fused);
            let count = kernel.parts().expect("it has parts").count();
            assert_eq!(*parts.get_or_insert(count), count, "parts do not depend on the tile");
            let kernel = WithParts::new(kernel, reduction.clone(), vec![None]).expect("it fits");
            let words = reduction.combine(count).bytes() / 4;
            let junk = |n: usize| vec![f32::NAN.to_bits(); n];
            let results = [junk(pass.want.len()), junk(words)];
            let args = [&pass.operands[..], &results].concat();
            check_twin(Arc::new(kernel), &args, &[false, false, true, true], 1e-5);
        }
    }
}

#[test]
fn results_are_packed() {
    let _alone = alone();
    let Some((device, cooperative)) = cooperating() else { return };
    let case = (1, 32, 36, 1, [6, 8], [3, 3], [1, 1], [1, 1], [1, 1]);
    for pass in passes(shape(case), [true; 2]).iter().take(2) {
        let (name, kernel) = variants(&pass.kernel, cooperative).options.swap_remove(0);
        let packed = Packed::new(kernel, vec![None, None, half(pass.want.len())]).expect("it emits vectors");
        let words = pass.run(&device, Arc::new(packed));
        for (at, want) in pass.want.iter().enumerate() {
            let bits = (words[at / 2] >> (16 * (at % 2))) as u16;
            let got = half::f16::from_bits(bits).to_f64();
            let bound = pass.bounds[at] + 2f64.powi(-11) * want.abs();
            assert!((got - want).abs() <= bound, "{name}: element {at} is {got}, not {want}");
        }
    }
}

/// On every machine: the shaders for all makers' GPUs are valid, and only convolutions of two f16 with many channels are offered.
#[test]
fn only_wide_convolutions_of_f16_are_offered() {
    let wide = shape((2, 128, 136, 1, [14, 14], [3, 3], [1, 1], [1, 1], [1, 1]));
    let offered = |kernel: &dyn Kernel, family: GpuFamily| {
        kernel.variants(&GpuProfile::of(family)).expect("convolutions have variants")
    };
    for pass in passes(wide, [true; 2]) {
        for family in [GpuFamily::Nvidia, GpuFamily::Amd, GpuFamily::Apple] {
            let Variants { options, cooperative, .. } = offered(&pass.kernel, family);
            assert!(cooperative && options.iter().all(|(name, _)| name.starts_with("cooperative")));
            for (name, kernel) in options {
                println!("{} for {family}: {name}", pass.kernel.name());
                kernel.shaders().iter().for_each(|shader| validate(&shader.module()));
            }
        }
        assert!(!offered(&pass.kernel, GpuFamily::Intel).cooperative, "it has none");
        assert!(!offered(&pass.kernel, GpuFamily::Software).cooperative, "they do not pay there");
    }
    let x = Prologue::plain(DType::F32, Layout::contiguous(&x_shape(&wide)));
    let conv = Arc::new(Conv2d::new(wide, x));
    let [nx, nw] = [2 * 128 * 196, 136 * 128 * 9];
    let brain = |count| Some(Halves { half: Half::BF16, ..half(count).unwrap() });
    for stored in [[half(nx), None], [None, half(nw)], [brain(nx), half(nw)], [half(nx), brain(nw)]] {
        let packed = Packed::new(conv.clone(), stored.to_vec()).expect("it packs");
        assert!(!offered(&packed, GpuFamily::Amd).cooperative, "{stored:?}");
    }
    assert!(!offered(&*conv, GpuFamily::Amd).cooperative);
    for few in
        [Conv2dShape { in_channels: 15, ..wide }, Conv2dShape { groups: 16, out_channels: 144, ..wide }]
    {
        for pass in passes(few, [true; 2]) {
            assert!(!offered(&pass.kernel, GpuFamily::Amd).cooperative, "{few}");
        }
    }
}
