use std::sync::Arc;

use super::{Case, Words, noise};
use crate::kernels::{
    Binary, ChannelMoments, ChannelReduction, ChannelSums, CombineParts, CombinedMap, Conv2d,
    Conv2dInputGrad, Conv2dShape, Fused, Instr, Map, Program, Prologue, Stored, Unary, WithParts,
};
use crate::tune::{GpuFamily, GpuProfile};
use crate::{DType, Half, Kernel, Layout};

pub(super) fn cases() -> Vec<Case> {
    let shape = Conv2dShape {
        batch: 5,
        in_channels: 3,
        out_channels: 11,
        groups: 1,
        input: [9, 11],
        kernel: [3, 3],
        stride: [1, 1],
        padding: [1, 1],
        dilation: [1, 1],
    };
    let grouped = Conv2dShape { in_channels: 6, out_channels: 9, groups: 3, batch: 12, ..shape };
    let strided = Conv2dShape { stride: [2, 2], batch: 9, ..shape };
    // Enough channels for workgroup tiles: of the output, and of the input.
    let wide = Conv2dShape { out_channels: 130, ..shape };
    let deep = Conv2dShape { in_channels: 130, out_channels: 3, ..strided };
    let all = [shape, grouped, strided].into_iter().flat_map(|s| [moments(s), sums(s), behind_code(s)]);
    // One case each, as a software adapter takes seconds to compile one.
    let tiles = [moments(wide).split_off(1), sums(deep), behind_code(deep)];
    let tiles = tiles.map(|cases| cases.into_iter().take(1).collect());
    all.chain(tiles).flatten().chain([combined(true), combined(false)]).chain(maps()).collect()
}

/// The variants of a kernel on a real GPU.
fn on_hardware(kernel: impl Kernel) -> Vec<Arc<dyn Kernel>> {
    let variants = kernel.variants(&GpuProfile::of(GpuFamily::Amd)).expect("convolutions have variants");
    variants.options.into_iter().map(|(_, kernel)| kernel).collect()
}

fn with_parts(
    kernel: Arc<dyn Kernel>,
    reduction: ChannelReduction,
    places: Vec<Option<usize>>,
) -> (WithParts, usize) {
    let bytes = reduction.combine(kernel.parts().expect("it has parts").count()).bytes();
    (WithParts::new(kernel, reduction, places).expect("it fits"), bytes / 4)
}

/// A convolution and the moments of its output.
fn moments(s: Conv2dShape) -> Vec<Case> {
    let (x, y) = ([s.batch, s.in_channels, s.input[0], s.input[1]], s.output());
    let (batch, channels, spatial) = (s.batch, s.out_channels, y[0] * y[1]);
    let output = Prologue::plain(DType::F32, Layout::contiguous(&[batch, channels, spatial]));
    let reduction =
        ChannelReduction::Moments(Box::new(ChannelMoments { batch, channels, spatial, x: output }));
    let conv = Conv2d::new(s, Prologue::plain(DType::F32, Layout::contiguous(&x)));
    let case = |conv| {
        let (kernel, parts) = with_parts(conv, reduction.clone(), vec![None]);
        let case =
            Case::new(kernel, 1e-5).floats(&noise(x.iter().product(), 1)).floats(&noise(s.sizes()[1], 2));
        case.writes(batch * channels * spatial).writes(parts)
    };
    on_hardware(conv).into_iter().map(case).collect()
}

/// An input gradient `dx`, and its channel sums: of `where(z > 0, dx, 0)` with a shifted x, where z has its own input.
fn sums(s: Conv2dShape) -> Vec<Case> {
    let (x, [oh, ow]) = ([s.batch, s.in_channels, s.input[0] * s.input[1]], s.output());
    let (batch, channels, spatial) = (x[0], x[1], x[2]);
    let [dense, per_channel] = [Layout::contiguous(&x), Layout::new(x.to_vec(), vec![0, 1, 0], 0)];
    let code = [Instr::Const(DType::F32, 0), Instr::Binary(Binary::Gt, 1, 2), Instr::Select(3, 0, 2)];
    let masked = Prologue::new(Program::new(&[DType::F32; 2], &code), vec![dense.clone(), dense.clone()]);
    let code = [Instr::Binary(Binary::Add, 0, 1)];
    let shifted = Prologue::new(Program::new(&[DType::F32; 2], &code), vec![dense, per_channel]);
    let reduction =
        ChannelReduction::Sums(Box::new(ChannelSums { batch, channels, spatial, x: shifted, dy: masked }));
    let dy = Prologue::plain(DType::F32, Layout::contiguous(&[s.batch, s.out_channels, oh, ow]));
    let gradients = noise(dy.numel(), 1);
    // x, its shift (also the mean) and z, which is bound to x.
    let places = vec![Some(3), Some(4), None, Some(3), Some(4)];
    let case = |conv| {
        let (kernel, parts) = with_parts(conv, reduction.clone(), places.clone());
        let case = Case::new(kernel, 2e-5).floats(&gradients).floats(&noise(s.sizes()[1], 2));
        let case = case.writes(batch * channels * spatial).floats(&noise(batch * channels * spatial, 3));
        case.floats(&noise(channels, 4)).writes(parts)
    };
    on_hardware(Conv2dInputGrad::new(s, dy)).into_iter().map(case).collect()
}

/// `dx + a` for a convolution's input gradient `dx`, which gets no memory, and channel sums that read the same `a`.
fn behind_code(s: Conv2dShape) -> Vec<Case> {
    let (x, [oh, ow]) = ([s.batch, s.in_channels, s.input[0] * s.input[1]], s.output());
    let (batch, channels, spatial) = (x[0], x[1], x[2]);
    let (dense, count) = (Layout::contiguous(&x), batch * channels * spatial);
    let add = Program::new(&[DType::F32; 2], &[Instr::Binary(Binary::Add, 0, 1)]);
    let map = Map::new(add, &[dense.clone(), dense.clone()], dense.clone());
    let dy = Prologue::plain(DType::F32, Layout::contiguous(&[s.batch, s.out_channels, oh, ow]));
    let gradients = noise(dy.numel(), 1);
    let relu = Program::new(&[DType::F32], &[Instr::Unary(Unary::Relu, 0)]);
    let kernels = on_hardware(Conv2dInputGrad::new(s, dy));
    let (x, dy) = (Prologue::plain(DType::F32, dense.clone()), Prologue::new(relu, vec![dense]));
    let reduction = ChannelReduction::Sums(Box::new(ChannelSums { batch, channels, spatial, x, dy }));
    let case = |conv| {
        let fused = Fused::new(conv, map.clone(), vec![Some(0), None], vec![false]).expect("it emits");
        let (kernel, parts) = with_parts(Arc::new(fused), reduction.clone(), vec![Some(3), None, Some(4)]);
        let case = Case::new(kernel, 2e-5).floats(&gradients).floats(&noise(s.sizes()[1], 2)).writes(count);
        case.floats(&noise(count, 3)).floats(&noise(channels, 4)).writes(parts)
    };
    kernels.into_iter().map(case).collect()
}

/// Seventy parts of each of two channels, one of them empty, and the kernel that combines them.
fn parts(moments: bool) -> (CombineParts, Vec<f32>) {
    let plain = Prologue::plain(DType::F32, Layout::contiguous(&[1, 2, 1]));
    let (batch, channels, spatial) = (1, 2, 1);
    let reduction = match moments {
        true => ChannelReduction::Moments(Box::new(ChannelMoments { batch, channels, spatial, x: plain })),
        false => {
            let (x, dy) = (plain.clone(), plain);
            ChannelReduction::Sums(Box::new(ChannelSums { batch, channels, spatial, x, dy }))
        }
    };
    let numbers = noise(140, 7);
    let part = |i: usize| match i {
        3 => [0.0; 4],
        _ => [(i % 5 + 1) as f32, 5.0 + numbers[i], 1e-7 * numbers[139 - i], numbers[i].abs()],
    };
    (reduction.combine(70), (0..140).flat_map(part).collect())
}

fn combined(moments: bool) -> Case {
    let (kernel, parts) = parts(moments);
    Case::new(kernel, 2e-6).floats(&parts).writes(2).writes(2)
}

/// `(x - first) / second + z[c]`, the first result itself, and `second z[c]`, where z is two numbers in the middle of an argument: of planes
/// that are vectors, planes that are not, and with a packed output. So many elements that workgroups share a channel and loop.
fn maps() -> Vec<Case> {
    let of_channel = |s: usize, offset| Layout::new(vec![3, 2, s], vec![0, 1, 0], offset);
    let code = [
        Instr::Binary(Binary::Sub, 0, 1),
        Instr::Binary(Binary::Div, 4, 2),
        Instr::Binary(Binary::Add, 5, 3),
        Instr::Binary(Binary::Mul, 2, 3),
    ];
    let program = Program::with_outputs(&[DType::F32; 4], &code, &[6, 1, 7]);
    let case = |(moments, s, half): (bool, usize, Option<Half>)| {
        let (combine, parts) = parts(moments);
        let (dense, count) = (Layout::contiguous(&[3, 2, s]), 6 * s);
        let inputs = [dense.clone(), of_channel(s, 0), of_channel(s, 0), of_channel(s, 4)];
        let inputs = inputs.into_iter().map(Stored::from).enumerate().collect();
        let outputs = vec![Stored { layout: dense, half }, of_channel(s, 0).into(), of_channel(s, 1).into()];
        let taken = vec![None, Some(0), Some(1), None];
        let kernel = CombinedMap::new(combine, program.clone(), inputs, taken, outputs).expect("it fits");
        let case = Case::new(kernel, 1e-5).floats(&parts).floats(&noise(count, 8)).floats(&noise(6, 9));
        let mut case = case.writes(if half.is_some() { count / 2 } else { count }).writes(2).writes(3);
        if let Some(half) = half {
            case.types[3] = Words::Halves(half);
        }
        case
    };
    [(true, 6000, None), (false, 77, None), (true, 20, Some(Half::F16))].into_iter().map(case).collect()
}
