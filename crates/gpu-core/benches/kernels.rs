//! Single kernels by family, at sizes of real training steps: `cargo bench -p wgrad-gpu-core --bench kernels -- softmax`.
//!
//! `WGRAD_DEVICE` selects the device; a run includes the submit and the wait for its completion.

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gpu_core::kernels::{
    AdamStep, Binary, Conv2d, Conv2dInputGrad, Conv2dShape, Conv2dWeightGrad, CrossEntropy, CrossEntropyGrad,
    Gather, Instr, LayerNorm, LayerNormGradInput, LayerNormGradParams, Map, MatMul, MaxPool2d, MaxPool2dGrad,
    Pool2dShape, Program, Prologue, Reduce, ReduceOp, ScatterAdd, SgdStep, Softmax, SoftmaxGrad, Unary,
};
use gpu_core::{Arg, Buffer, CommandGraph, DType, Device, Kernel, Launch, Layout, Role, Slot};

/// Times runs of a kernel over arguments of the given numbers of words, all zero.
fn bench(c: &mut Criterion, group: &str, kernel: impl Kernel + 'static, words: &[usize]) {
    let device = Device::best().expect("a device");
    let mut slots: Vec<Slot> = words.iter().map(|words| Slot::External { bytes: words * 4 }).collect();
    let mut sizes: Vec<usize> = words.iter().map(|words| words * 4).collect();
    let scratch = kernel.scratch(device.target());
    if scratch > 0 {
        slots.push(Slot::Temp { bytes: scratch, role: Role::Activation });
        sizes.push(scratch);
    }
    let args = sizes.iter().enumerate().map(|(slot, &bytes)| Arg { slot, offset: 0, bytes }).collect();
    let zeros = |words: &usize| device.upload(&vec![0; words * 4], Role::Activation).expect("memory");
    let buffers: Vec<Buffer> = words.iter().map(zeros).collect();
    let (name, cost) = (format!("{} {}", kernel.name(), kernel.shape()), kernel.cost());
    let graph = CommandGraph::new(device.target(), slots, vec![Launch::new(Arc::new(kernel), args)]);
    let mut group = c.benchmark_group(group);
    group.throughput(Throughput::Bytes(cost.bytes)).bench_function(name, |b| {
        b.iter(|| {
            graph.run(&device, &buffers).expect("a run");
            device.synchronize().expect("its end");
        })
    });
}

/// 2^21 elements: an activation of the first stage of ResNet-20.
const ACTIVATION: [usize; 4] = [128, 16, 32, 32];
const ELEMENTS: usize = 128 * 16 * 32 * 32;

fn map(c: &mut Criterion) {
    use DType::F32;
    let flat = Layout::contiguous(&[ELEMENTS]);
    let mut maps = |program: Program, layouts: &[Layout], output: Layout, words: &[usize]| {
        bench(c, "map", Map::new(program, layouts, output), words);
    };
    maps(Program::identity(F32), std::slice::from_ref(&flat), flat.clone(), &[ELEMENTS; 2]);
    let add_relu = Program::new(&[F32; 2], &[Instr::Binary(Binary::Add, 0, 1), Instr::Unary(Unary::Relu, 2)]);
    maps(add_relu.clone(), &[flat.clone(), flat.clone()], flat.clone(), &[ELEMENTS; 3]);
    let exp = Program::new(&[F32], &[Instr::Unary(Unary::Exp, 0)]);
    maps(exp, std::slice::from_ref(&flat), flat.clone(), &[ELEMENTS; 2]);
    let image = Layout::contiguous(&ACTIVATION);
    let channel = Layout::contiguous(&[16, 1, 1]).expand(&ACTIVATION);
    maps(add_relu, &[image.clone(), channel], image.clone(), &[ELEMENTS, 16, ELEMENTS]);
    let transposed = Layout::contiguous(&[128, 32, 32, 16]).permute(&[0, 3, 1, 2]);
    maps(Program::identity(F32), &[transposed], image, &[ELEMENTS; 2]);
}

fn reduce(c: &mut Criterion) {
    let image = Layout::contiguous(&ACTIVATION);
    let mut sum = |input: Layout, keep: usize, outputs: usize| {
        let kernel = Reduce::new(ReduceOp::Sum, Prologue::plain(DType::F32, input), keep);
        bench(c, "reduce", kernel, &[ELEMENTS, outputs]);
    };
    sum(image.clone(), 0, 1);
    sum(image.permute(&[1, 0, 2, 3]), 1, 16);
    sum(image, 2, 128 * 16);
    sum(Layout::contiguous(&[2048, 1024]).permute(&[1, 0]), 1, 1024);
    let rows = Prologue::plain(DType::F32, Layout::contiguous(&[2048, 1024]));
    bench(c, "reduce", Reduce::new(ReduceOp::ArgMax, rows, 1), &[ELEMENTS, 2048]);
}

fn matmul(c: &mut Criterion) {
    let mut product = |m: usize, k: usize, n: usize, transposed: bool| {
        let b = if transposed {
            Layout::contiguous(&[n, k]).permute(&[1, 0])
        } else {
            Layout::contiguous(&[k, n])
        };
        bench(c, "matmul", MatMul::new(Layout::contiguous(&[m, k]), b), &[m * k, k * n, m * n]);
    };
    product(1024, 1024, 1024, false);
    product(128, 784, 256, true);
    product(2048, 128, 512, true);
    product(32, 256, 1024, true);
    let heads = |rows, columns| Layout::contiguous(&[64, rows, columns]);
    let scores = MatMul::new(heads(128, 32), heads(128, 32).permute(&[0, 2, 1]));
    bench(c, "matmul", scores, &[64 * 128 * 32, 64 * 128 * 32, 64 * 128 * 128]);
}

/// The layers of ResNet-20 (batch 128) and of ResNet-18 for CIFAR (batch 32), and their gradients.
fn conv2d(c: &mut Criterion) {
    let mut layer = |batch: usize, channels: [usize; 2], size: usize, kernel: usize, stride: usize| {
        let shape = Conv2dShape {
            batch,
            in_channels: channels[0],
            out_channels: channels[1],
            groups: 1,
            input: [size; 2],
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [kernel / 2; 2],
            dilation: [1; 2],
        };
        let [h, w] = shape.output();
        let (x, y) = ([batch, channels[0], size, size], [batch, channels[1], h, w]);
        let operand = |shape: &[usize]| Prologue::plain(DType::F32, Layout::contiguous(shape));
        let count = |shape: &[usize]| -> usize { shape.iter().product() };
        let (nx, nw, ny) = (count(&x), channels[0] * channels[1] * kernel * kernel, count(&y));
        bench(c, "conv2d", Conv2d::new(shape, operand(&x)), &[nx, nw, ny]);
        bench(c, "conv2d", Conv2dInputGrad::new(shape, operand(&y)), &[ny, nw, nx]);
        bench(c, "conv2d", Conv2dWeightGrad::new(shape, operand(&x), operand(&y)), &[nx, ny, nw]);
    };
    for (batch, first, size, stages) in [(128, 16, 32, 3), (32, 64, 32, 4)] {
        layer(batch, [3, first], size, 3, 1);
        for stage in 0..stages {
            let (channels, size) = (first << stage, size >> stage);
            layer(batch, [channels; 2], size, 3, 1);
            if stage + 1 < stages {
                layer(batch, [channels, 2 * channels], size, 3, 2);
                layer(batch, [channels, 2 * channels], size, 1, 2);
            }
        }
    }
}

fn rows(c: &mut Criterion) {
    let (rows, cols) = (8192, 128);
    let n = rows * cols;
    bench(c, "softmax", Softmax { rows, cols, log: false }, &[n, n]);
    bench(c, "softmax", SoftmaxGrad { rows, cols, log: false }, &[n; 3]);
    bench(c, "layer_norm", LayerNorm { rows, cols, eps: 1e-5 }, &[n, cols, cols, n, rows, rows]);
    bench(c, "layer_norm", LayerNormGradInput { rows, cols }, &[n, cols, rows, rows, n, n]);
    bench(c, "layer_norm", LayerNormGradParams { rows, cols }, &[n, rows, rows, n, cols, cols]);
    let (rows, cols) = (2048, 65);
    let (smoothing, ignore_index, n) = (0.0, -100, rows * cols);
    bench(c, "cross_entropy", CrossEntropy { rows, cols, smoothing, ignore_index }, &[n, rows, rows]);
    bench(
        c,
        "cross_entropy",
        CrossEntropyGrad { rows, cols, smoothing, ignore_index, one_loss: false },
        &[n, rows, rows, n],
    );
}

fn pool2d(c: &mut Criterion) {
    let (planes, input, output) = (128 * 16, [32, 32], [16, 16]);
    let [kernel, stride, padding, dilation] = [[3; 2], [2; 2], [1; 2], [1; 2]];
    let shape = Pool2dShape { planes, input, output, kernel, stride, padding, dilation };
    let (inputs, outputs) = (planes * 1024, planes * 256);
    bench(c, "pool2d", MaxPool2d { shape }, &[inputs, outputs, outputs]);
    bench(c, "pool2d", MaxPool2dGrad { shape }, &[outputs, outputs, inputs]);
}

fn optim(c: &mut Criterion) {
    let count = 11_173_952;
    let sgd = SgdStep { count, momentum: true, nesterov: false, maximize: false, copies: false };
    bench(c, "optim", sgd, &[5, 1, count, count, count]);
    let adam = AdamStep { count, amsgrad: false, decoupled: true, maximize: false, copies: false };
    bench(c, "optim", adam, &[7, 1, count, count, count, count]);
}

fn gather(c: &mut Criterion) {
    let (outer, dim, count, inner) = (1, 65, 2048, 128);
    let (index_outer, index_inner) = (false, false);
    let embedding = Gather { outer, dim, count, inner, index_outer, index_inner, dtype: DType::F32 };
    bench(c, "gather", embedding, &[dim * inner, count, count * inner]);
    let gradient = ScatterAdd { outer, dim, count, inner, index_outer, index_inner };
    bench(c, "gather", gradient, &[count * inner, count, dim * inner]);
}

criterion_group!(kernels, map, reduce, matmul, conv2d, rows, pool2d, optim, gather);
criterion_main!(kernels);
