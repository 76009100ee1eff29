//! Convolution and its gradients: CPU twin against a plain f64 loop nest, and WGSL against the CPU twin.

mod common;

use std::any::Any;
use std::sync::Arc;

use gpu_core::kernels::{Binary, Instr, Program, Prologue, Unary};
use gpu_core::kernels::{ChannelMoments, Conv2d, Conv2dInputGrad, Conv2dShape, Conv2dWeightGrad};
use gpu_core::testing::{check_twin, devices, run_kernel};
use gpu_core::{DType, Device, GpuFamily, GpuProfile, Kernel, Layout, Target};

use common::noise;

fn words(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// Elements of x, weight and y.
fn sizes(s: &Conv2dShape) -> [usize; 3] {
    let ([h, w], [oh, ow], [kh, kw]) = (s.input, s.output(), s.kernel);
    let depth = s.in_channels / s.groups * kh * kw;
    [s.batch * s.in_channels * h * w, s.out_channels * depth, s.batch * s.out_channels * oh * ow]
}

/// Visits every product of the convolution as indices of x, weight and y.
fn products(s: &Conv2dShape, mut visit: impl FnMut(usize, usize, usize)) {
    let ([h, w], [oh, ow], [kh, kw]) = (s.input, s.output(), s.kernel);
    let (inner, outer) = (s.in_channels / s.groups, s.out_channels / s.groups);
    let input = |out: usize, tap: usize, d: usize, size: usize| {
        (out * s.stride[d] + tap * s.dilation[d]).checked_sub(s.padding[d]).filter(|&i| i < size)
    };
    for n in 0..s.batch {
        for o in 0..s.out_channels {
            for c in 0..inner {
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
    }
}

/// An operand, its buffers and its elements.
struct Operand {
    prologue: Prologue,
    buffers: Vec<Vec<f32>>,
    values: Vec<f32>,
}

impl Operand {
    fn plain(shape: [usize; 4], seed: u32) -> Operand {
        let values = noise(shape.iter().product(), seed);
        let prologue = Prologue::plain(DType::F32, Layout::contiguous(&shape));
        Operand { prologue, buffers: vec![values.clone()], values }
    }

    /// `relu((a - mean) scale + b)` with one mean and scale per channel, as batch norm before a residual connection.
    fn normalised(shape: [usize; 4], seed: u32) -> Operand {
        let (n, channels) = (shape.iter().product(), shape[1]);
        let (a, b) = (noise(n, seed), noise(n, seed + 10));
        let (mean, scale) = (noise(channels, seed + 20), noise(channels, seed + 30));
        let code = [
            Instr::Binary(Binary::Sub, 0, 1),
            Instr::Binary(Binary::Mul, 4, 2),
            Instr::Binary(Binary::Add, 5, 3),
            Instr::Unary(Unary::Relu, 6),
        ];
        let (whole, channel) = layouts(shape);
        let layouts = vec![whole.clone(), channel.clone(), channel, whole];
        let channel = |i: usize| i / (shape[2] * shape[3]) % channels;
        let value = |i: usize| ((a[i] - mean[channel(i)]) * scale[channel(i)] + b[i]).max(0.0);
        let values = (0..n).map(value).collect();
        let prologue = Prologue::new(Program::new(&[DType::F32; 4], &code), layouts);
        Operand { prologue, buffers: vec![a, mean, scale, b], values }
    }

    /// `a > c ? a c : 0` with one `c` per channel.
    fn masked(shape: [usize; 4], seed: u32) -> Operand {
        let (n, channels) = (shape.iter().product(), shape[1]);
        let (a, c) = (noise(n, seed), noise(channels, seed + 40));
        let code = [
            Instr::Binary(Binary::Gt, 0, 1),
            Instr::Binary(Binary::Mul, 0, 1),
            Instr::Const(DType::F32, 0),
            Instr::Select(2, 3, 4),
        ];
        let (whole, channel) = layouts(shape);
        let of = |i: usize| c[i / (shape[2] * shape[3]) % channels];
        let values = (0..n).map(|i| if a[i] > of(i) { a[i] * of(i) } else { 0.0 }).collect();
        let prologue = Prologue::new(Program::new(&[DType::F32; 2], &code), vec![whole, channel]);
        Operand { prologue, buffers: vec![a, c], values }
    }
}

/// Layouts of a whole image, and of one value per channel.
fn layouts(shape: [usize; 4]) -> (Layout, Layout) {
    (Layout::contiguous(&shape), Layout::new(shape.to_vec(), vec![0, 1, 0, 0], 0))
}

/// A kernel, what it reads, and the expected result.
type Pass = (Arc<dyn Kernel>, Vec<Vec<f32>>, Vec<f64>);

/// The three passes with plain operands or computed ones.
fn passes(s: Conv2dShape, computed: bool) -> Vec<Pass> {
    let ([h, w], [oh, ow]) = (s.input, s.output());
    let (x, dy) = ([s.batch, s.in_channels, h, w], [s.batch, s.out_channels, oh, ow]);
    let (x, dy) = match computed {
        false => (Operand::plain(x, 1), Operand::plain(dy, 3)),
        true => (Operand::normalised(x, 1), Operand::masked(dy, 3)),
    };
    let [nx, nw, ny] = sizes(&s);
    let weight = noise(nw, 2);
    let (mut y, mut dx, mut dw) = (vec![0.0; ny], vec![0.0; nx], vec![0.0; nw]);
    products(&s, |i, j, k| {
        let (x, w, dy) = (f64::from(x.values[i]), f64::from(weight[j]), f64::from(dy.values[k]));
        y[k] += x * w;
        dx[i] += dy * w;
        dw[j] += dy * x;
    });
    let with = |operand: &Operand, last: &[Vec<f32>]| [&operand.buffers, last].concat();
    let one = std::slice::from_ref(&weight);
    vec![
        (Arc::new(Conv2d::new(s, x.prologue.clone())), with(&x, one), y),
        (Arc::new(Conv2dInputGrad::new(s, dy.prologue.clone())), with(&dy, one), dx),
        (Arc::new(Conv2dWeightGrad::new(s, x.prologue.clone(), dy.prologue)), with(&x, &dy.buffers), dw),
    ]
}

/// The inputs of a kernel, and junk in its outputs.
fn arguments(inputs: &[Vec<f32>], written: usize) -> Vec<Vec<u32>> {
    let junk = vec![f32::NAN.to_bits(); written];
    inputs.iter().map(|i| words(i)).chain([junk]).collect()
}

fn close(kernel: &dyn Kernel, got: &[u32], want: &[f64], tolerance: f64) {
    let scale = want.iter().fold(1e-3f64, |m, x| m.max(x.abs()));
    for (i, (&got, want)) in got.iter().zip(want).enumerate() {
        let got = f64::from(f32::from_bits(got));
        assert!((got - want).abs() <= tolerance * scale, "{kernel:?}: element {i}: {got}, expected {want}");
    }
}

/// `n, c, o, groups, [h, w], [kh, kw], stride, padding, dilation`
type Case = (usize, usize, usize, usize, [usize; 2], [usize; 2], [usize; 2], [usize; 2], [usize; 2]);

#[rustfmt::skip]
const CASES: [Case; 28] = [
    (2, 3, 16, 1, [32, 32], [3, 3], [1, 1], [1, 1], [1, 1]),
    (2, 16, 9, 1, [16, 16], [3, 3], [1, 1], [1, 1], [1, 1]),
    (3, 5, 32, 1, [16, 16], [3, 3], [2, 2], [1, 1], [1, 1]),
    (5, 7, 6, 1, [4, 4], [3, 3], [1, 1], [1, 1], [1, 1]),
    (17, 4, 8, 1, [4, 4], [3, 3], [2, 2], [1, 1], [1, 1]),
    (33, 6, 10, 1, [7, 7], [3, 3], [1, 1], [1, 1], [1, 1]),
    (1, 1, 1, 1, [1, 1], [1, 1], [1, 1], [0, 0], [1, 1]),
    (2, 6, 20, 1, [8, 8], [1, 1], [1, 1], [0, 0], [1, 1]),
    (2, 6, 20, 1, [7, 5], [1, 1], [1, 1], [0, 0], [1, 1]),
    (3, 5, 7, 1, [9, 9], [1, 1], [2, 2], [0, 0], [1, 1]),
    (1, 4, 4, 1, [8, 48], [1, 5], [1, 1], [0, 2], [1, 1]),
    (2, 3, 11, 1, [13, 21], [3, 5], [2, 3], [1, 4], [2, 1]),
    (2, 4, 3, 1, [11, 9], [2, 4], [1, 2], [1, 1], [1, 1]),
    (1, 2, 3, 1, [17, 16], [3, 3], [1, 1], [2, 2], [2, 2]),
    (1, 2, 5, 1, [12, 14], [2, 2], [3, 3], [0, 0], [1, 1]),
    (1, 3, 4, 1, [16, 16], [4, 4], [4, 4], [0, 0], [1, 1]),
    (1, 2, 2, 1, [9, 10], [3, 3], [2, 2], [0, 0], [2, 3]),
    (2, 3, 2, 1, [2, 1], [3, 3], [1, 1], [1, 1], [1, 1]),
    (1, 2, 3, 1, [5, 5], [3, 3], [1, 1], [4, 3], [1, 1]),
    (2, 8, 12, 4, [10, 10], [3, 3], [1, 1], [1, 1], [1, 1]),
    (2, 8, 4, 2, [16, 16], [3, 3], [2, 2], [1, 1], [1, 1]),
    (2, 6, 6, 6, [16, 16], [3, 3], [1, 1], [1, 1], [1, 1]),
    (3, 5, 10, 5, [9, 7], [5, 3], [2, 1], [2, 1], [1, 1]),
    (1, 2, 2, 1, [1, 1], [3, 3], [4, 4], [2, 2], [1, 1]),
    (1, 2, 2, 1, [1, 3], [1, 1], [2, 2], [3, 3], [1, 1]),
    (2, 3, 3, 1, [6, 1], [1, 1], [1, 2], [0, 0], [1, 1]),
    (1, 5, 6, 1, [64, 32], [3, 3], [2, 2], [1, 1], [1, 1]),
    (1, 9, 17, 1, [7, 64], [7, 7], [2, 2], [3, 3], [1, 1]),
];

/// For Winograd's algorithm on the CPU: whole and cut tiles, several images in a set of tiles and the reverse.
#[rustfmt::skip]
const WINOGRAD: [Case; 5] = [
    (2, 32, 40, 1, [9, 14], [3, 3], [1, 1], [1, 1], [1, 1]),
    (3, 36, 33, 1, [5, 7], [3, 3], [1, 1], [2, 0], [1, 1]),
    (70, 64, 32, 1, [4, 4], [3, 3], [1, 1], [1, 1], [1, 1]),
    (1, 33, 50, 1, [40, 33], [3, 3], [1, 1], [0, 1], [1, 1]),
    (5, 48, 64, 1, [8, 8], [3, 3], [1, 1], [1, 1], [1, 1]),
];

/// All cases and the tolerance of each: Winograd's sums are less accurate.
fn cases() -> impl Iterator<Item = (Case, f64)> {
    CASES.into_iter().map(|c| (c, 3e-6)).chain(WINOGRAD.into_iter().map(|c| (c, 2e-5)))
}

fn shape((batch, c, o, groups, input, kernel, stride, padding, dilation): Case) -> Conv2dShape {
    Conv2dShape { batch, in_channels: c, out_channels: o, groups, input, kernel, stride, padding, dilation }
}

#[test]
fn output_sizes_are_pytorchs() {
    assert_eq!(shape(CASES[0]).output(), [32, 32]);
    assert_eq!(shape(CASES[2]).output(), [8, 8]);
    assert_eq!(shape(CASES[11]).output(), [6, 9]);
    assert_eq!(shape(CASES[0]).macs(), 2 * 16 * 27 * 1024);
}

#[test]
fn cpu_equals_the_definition() {
    let cpu = Device::named("cpu").unwrap();
    for ((case, tolerance), computed) in cases().flat_map(|c| [(c, false), (c, true)]) {
        for (kernel, inputs, want) in passes(shape(case), computed) {
            let got = run_kernel(&cpu, kernel.clone(), &arguments(&inputs, want.len()));
            close(&*kernel, got.last().unwrap(), &want, tolerance);
        }
    }
}

fn gpu_equals_cpu(computed: bool) {
    for (case, tolerance) in cases() {
        for (kernel, inputs, want) in passes(shape(case), computed) {
            let args = arguments(&inputs, want.len());
            check_twin(kernel, &args, &vec![true; args.len()], 3.0 * tolerance as f32);
        }
    }
}

#[test]
fn gpu_equals_cpu_for_plain_operands() {
    gpu_equals_cpu(false);
}

#[test]
fn gpu_equals_cpu_for_computed_operands() {
    gpu_equals_cpu(true);
}

/// Many channels, for which all passes have workgroup tiles: slices of one tap or several, whole and cut, and pixels alone and in fours.
#[rustfmt::skip]
const WIDE: [Case; 9] = [
    (2, 130, 132, 1, [5, 6], [3, 3], [2, 2], [1, 1], [1, 1]),
    (1, 64, 128, 1, [4, 8], [1, 1], [1, 1], [0, 0], [1, 1]),
    (2, 128, 130, 1, [5, 5], [1, 1], [2, 2], [0, 0], [1, 1]),
    (1, 192, 144, 1, [6, 6], [3, 3], [1, 1], [1, 1], [1, 1]),
    (2, 256, 260, 2, [4, 3], [3, 2], [1, 1], [1, 1], [1, 2]),
    (2, 5, 129, 1, [9, 9], [5, 5], [4, 4], [0, 0], [1, 1]),
    (3, 68, 20, 1, [8, 8], [3, 3], [2, 2], [1, 1], [1, 1]),
    (3, 64, 64, 1, [45, 48], [3, 1], [1, 1], [1, 0], [1, 1]),
    (1, 33, 35, 1, [7, 6], [2, 3], [1, 2], [0, 2], [1, 1]),
];

/// Checks the variants for a family of GPUs, on every `every`-th case.
fn variants_equal_cpu(family: GpuFamily, every: usize, least: usize) {
    let gpu = GpuProfile { family, subgroup: Some(8), cooperative: None };
    let mut seen = std::collections::BTreeSet::new();
    for (i, case) in CASES.into_iter().step_by(every).chain(WIDE).enumerate() {
        for (kernel, inputs, want) in passes(shape(case), (i * every).is_multiple_of(4)) {
            let args = arguments(&inputs, want.len());
            for (name, variant) in kernel.variants(&gpu).expect("convolutions have variants").options {
                if name != "direct" {
                    check_twin(variant, &args, &vec![true; args.len()], 1e-5);
                    seen.insert(format!("{} {name}", kernel.name()));
                }
            }
        }
    }
    assert!(seen.len() >= least, "{seen:?}");
}

#[test]
fn variants_for_software_adapters_equal_cpu() {
    variants_equal_cpu(GpuFamily::Software, 2, 7);
}

#[test]
fn variants_for_real_gpus_equal_cpu() {
    variants_equal_cpu(GpuFamily::Other, 2, 7);
}

/// For Winograd's algorithm on GPUs: sets of tiles along rows and in squares, whole and cut, rows of whole vectors and others, rows that one
/// set spans, channels that are and are not multiples of a vector. `[n, c, o], [h, w], padding`
const WINOGRAD_ON_GPUS: [([usize; 3], [usize; 2], [usize; 2]); 6] = [
    ([2, 64, 72], [9, 14], [1, 1]),
    ([3, 68, 65], [5, 7], [2, 0]),
    ([3, 80, 64], [8, 8], [1, 1]),
    ([1, 65, 82], [20, 32], [0, 1]),
    ([2, 66, 64], [16, 16], [1, 2]),
    ([1, 66, 65], [7, 8], [1, 1]),
];

/// The error is at most 2e-5 of the largest result, as on the CPU.
#[test]
fn winograd_on_gpus_equals_the_definition() {
    let gpu = GpuProfile { family: GpuFamily::Software, subgroup: Some(8), cooperative: None };
    for (i, ([n, c, o], input, padding)) in WINOGRAD_ON_GPUS.into_iter().enumerate() {
        let s = shape((n, c, o, 1, input, [3, 3], [1, 1], padding, [1, 1]));
        for (kernel, inputs, want) in passes(s, i.is_multiple_of(2)).into_iter().take(2) {
            let options = kernel.variants(&gpu).expect("convolutions have variants").options;
            assert_eq!(options.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["winograd"]);
            let args = arguments(&inputs, want.len());
            for device in devices().iter().filter(|device| device.target() == Target::Gpu) {
                let got = run_kernel(device, options[0].1.clone(), &args);
                close(&*options[0].1, got.last().unwrap(), &want, 2e-5);
            }
        }
    }
}

/// Few channels, strides and other kernels do not pay or fit.
#[test]
fn winograd_is_chosen_by_shape_and_family() {
    let wide = shape((2, 64, 64, 1, [16, 16], [3, 3], [1, 1], [1, 1], [1, 1]));
    let others = [
        Conv2dShape { in_channels: 32, ..wide },
        Conv2dShape { stride: [2, 2], ..wide },
        Conv2dShape { kernel: [1, 1], padding: [0, 0], ..wide },
        Conv2dShape { dilation: [2, 2], ..wide },
        Conv2dShape { groups: 2, ..wide },
        Conv2dShape { padding: [3, 1], ..wide },
        Conv2dShape { batch: 1 << 14, ..wide },
        Conv2dShape { input: [1, 1], ..wide },
    ];
    let is_chosen = |s: Conv2dShape, family| {
        let x = Prologue::plain(
            DType::F32,
            Layout::contiguous(&[s.batch, s.in_channels, s.input[0], s.input[1]]),
        );
        let gpu = GpuProfile { family, subgroup: Some(8), cooperative: None };
        Conv2d::new(s, x).variants(&gpu).expect("convolutions have variants").options[0].0 == "winograd"
    };
    assert!(is_chosen(wide, GpuFamily::Software) && !is_chosen(wide, GpuFamily::Amd));
    others.into_iter().for_each(|s| assert!(!is_chosen(s, GpuFamily::Software), "{s}"));
}

/// Channels and rows that do and do not fill the tiles, groups, and several blocks of rows per chunk.
#[test]
fn weight_gradients_by_rows_equal_cpu() {
    let gpu = GpuProfile::of(GpuFamily::Amd);
    let cases: [(usize, usize, usize, usize, [usize; 2]); 5] = [
        (3, 9, 17, 1, [5, 4]),
        (12, 33, 18, 1, [7, 12]),
        (5, 16, 32, 2, [9, 20]),
        (1, 8, 8, 1, [3, 56]),
        (2, 128, 9, 1, [10, 8]),
    ];
    for (i, (batch, inner, outer, groups, input)) in cases.into_iter().enumerate() {
        let case = (batch, inner, outer, groups, input, [3, 3], [1, 1], [1, 1], [1, 1]);
        let (kernel, inputs, want) = passes(shape(case), i.is_multiple_of(2)).pop().expect("three passes");
        let args = arguments(&inputs, want.len());
        let options = kernel.variants(&gpu).expect("convolutions have variants").options;
        assert_eq!(options.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["rows"]);
        check_twin(options[0].1.clone(), &args, &vec![true; args.len()], 1e-5);
    }
}

/// The moments are bit-identical to those of a separate kernel over the output.
#[test]
fn channel_moments_can_come_along() {
    let cpu = Device::named("cpu").unwrap();
    let mut with = 0;
    for (case, _) in cases() {
        let s = shape(case);
        let (kernel, inputs, want) = passes(s, true).swap_remove(0);
        let [height, width] = s.output();
        let x = Prologue::plain(DType::F32, Layout::contiguous(&[want.len()]));
        let alone = ChannelMoments { batch: s.batch, channels: s.out_channels, spatial: height * width, x };
        let conv: &Conv2d = (&*kernel as &dyn Any).downcast_ref().expect("the first pass");
        let Some(both) = conv.with_moments(&alone) else { continue };
        assert!(both.with_moments(&alone).is_none(), "once is enough");
        let others =
            ChannelMoments { channels: 2 * s.out_channels, spatial: height * width / 2, ..alone.clone() };
        assert!(conv.with_moments(&others).is_none(), "of other channels");
        let junk = vec![f32::NAN.to_bits(); s.out_channels];
        let args = arguments(&inputs, want.len());
        let got =
            run_kernel(&cpu, Arc::new(both), &[args.clone(), vec![junk.clone(), junk.clone()]].concat());
        let y = run_kernel(&cpu, kernel, &args).pop().unwrap();
        let want = run_kernel(&cpu, Arc::new(alone), &[y, junk.clone(), junk]);
        assert!(got[inputs.len()..] == want, "{case:?}");
        with += 1;
    }
    assert!(with >= 12, "{with} cases");
}

/// A part of a larger buffer, from an offset on.
#[test]
fn plain_operands_may_have_an_offset() {
    let s = shape((2, 3, 4, 1, [5, 6], [1, 1], [1, 1], [0, 0], [1, 1]));
    let (x, weight) = (noise(7 + 2 * 3 * 30, 1), noise(12, 2));
    let layout = Layout::new(vec![2, 3, 5, 6], vec![90, 30, 6, 1], 7);
    let kernel: Arc<dyn Kernel> = Arc::new(Conv2d::new(s, Prologue::plain(DType::F32, layout)));
    let mut want = vec![0.0; 240];
    products(&s, |i, j, k| want[k] += f64::from(x[7 + i]) * f64::from(weight[j]));
    for device in devices() {
        let args = arguments(&[x.clone(), weight.clone()], 240);
        close(&*kernel, &run_kernel(&device, kernel.clone(), &args)[2], &want, 3e-6);
    }
}

#[test]
#[should_panic(expected = "is not [2, 3, 4, 4]")]
fn operands_must_have_the_shape_of_the_geometry() {
    let s = shape((2, 3, 4, 1, [4, 4], [3, 3], [1, 1], [1, 1], [1, 1]));
    Conv2d::new(s, Operand::plain([2, 3, 4, 5], 1).prologue);
}

/// Some drivers stop loops after 65,535 iterations.
#[test]
fn long_sums_are_complete() {
    let pixels = shape((130, 2, 2, 1, [32, 32], [3, 3], [1, 1], [1, 1], [1, 1]));
    let channels = shape((1, 8200, 1, 1, [2, 2], [3, 3], [1, 1], [1, 1], [1, 1]));
    let kernels = [passes(pixels, false).pop().unwrap(), passes(channels, false).swap_remove(0)];
    for (kernel, inputs, want) in kernels {
        for device in devices() {
            let args = arguments(&inputs, want.len());
            close(&*kernel, &run_kernel(&device, kernel.clone(), &args)[2], &want, 1e-5);
        }
    }
}

#[test]
fn results_do_not_depend_on_threads() {
    let direct = shape((37, 6, 9, 1, [16, 16], [3, 3], [1, 1], [1, 1], [1, 1]));
    for (kernel, inputs, want) in [direct, shape(WINOGRAD[2])].into_iter().flat_map(|s| passes(s, true)) {
        let args = arguments(&inputs, want.len());
        let run = |threads: usize| {
            let cpu = gpu_core::testing::cpu(threads);
            run_kernel(&cpu, kernel.clone(), &args)
        };
        assert!(run(1) == run(3), "{kernel:?}");
    }
}
