//! Batch and layer normalisation against references in f64, and CPU twin against WGSL.

use std::sync::Arc;

use gpu_core::kernels::{Binary, Instr, Program, Prologue, Unary};
use gpu_core::kernels::{ChannelMoments, ChannelSums, LayerNorm, LayerNormGradInput, LayerNormGradParams};
use gpu_core::testing::{check_twin, run_kernel};
use gpu_core::{DType, Device, Kernel, Layout};

const EPS: f32 = 1e-3;

fn words(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

fn floats(words: &[u32]) -> Vec<f32> {
    words.iter().map(|&w| f32::from_bits(w)).collect()
}

/// Irregular numbers with a spread of about 1 and a mean of about 1/2.
fn values(count: usize, seed: u32) -> Vec<f32> {
    let hash =
        |i: u32| (i.wrapping_mul(2_654_435_761) ^ seed.wrapping_mul(40_503)).wrapping_mul(2_246_822_519);
    (0..count as u32).map(|i| (hash(i) >> 8) as f32 / 4_194_304.0 - 1.5).collect()
}

fn near(name: &str, got: &[f32], want: &[f64], tolerance: f64) {
    let scale = want.iter().fold(1e-3f64, |m, w| m.max(w.abs()));
    for (i, (&got, want)) in got.iter().zip(want).enumerate() {
        assert!((f64::from(got) - want).abs() <= tolerance * scale, "{name}[{i}]: {got} instead of {want}");
    }
}

/// Checks the twins against each other; returns the CPU's results.
fn run(kernel: impl Kernel + 'static, args: &[Vec<u32>]) -> Vec<Vec<f32>> {
    let kernel: Arc<dyn Kernel> = Arc::new(kernel);
    check_twin(kernel.clone(), args, &vec![true; args.len()], 2e-5);
    run_kernel(&Device::named("cpu").unwrap(), kernel, args).iter().map(|w| floats(w)).collect()
}

/// Statistics `[mean, var]` of groups of elements, `group(i)` being the group of element `i`.
fn statistics(x: &[f32], groups: usize, group: impl Fn(usize) -> usize) -> [Vec<f64>; 2] {
    let (mut mean, mut var, size) = (vec![0.0; groups], vec![0.0; groups], (x.len() / groups) as f64);
    x.iter().enumerate().for_each(|(i, &x)| mean[group(i)] += f64::from(x) / size);
    x.iter().enumerate().for_each(|(i, &x)| var[group(i)] += (f64::from(x) - mean[group(i)]).powi(2) / size);
    [mean, var]
}

const SHAPES: [[usize; 3]; 8] =
    [[1, 1, 1], [37, 5, 1], [3, 4, 7], [9, 3, 16], [300, 2, 4], [5, 3, 49], [2, 3, 5000], [1, 2, 200_000]];

fn plain(shape: [usize; 3]) -> Prologue {
    Prologue::plain(DType::F32, Layout::contiguous(&shape))
}

/// `relu(a + shift)` with one shift per channel: the operand and its elements.
fn shifted(shape: [usize; 3], a: &[f32], shift: &[f32]) -> (Prologue, Vec<f32>) {
    let code = [Instr::Binary(Binary::Add, 0, 1), Instr::Unary(Unary::Relu, 2)];
    let layouts = vec![Layout::contiguous(&shape), Layout::new(shape.to_vec(), vec![0, 1, 0], 0)];
    let value = |(i, a): (usize, &f32)| (a + shift[i / shape[2] % shape[1]]).max(0.0);
    let values = a.iter().enumerate().map(value).collect();
    (Prologue::new(Program::new(&[DType::F32; 2], &code), layouts), values)
}

/// Both kernels over the same elements.
fn channel_statistics(
    shape: [usize; 3],
    [x, dy]: [&[f32]; 2],
    operands: [Prologue; 2],
    buffers: [&[Vec<u32>]; 2],
) {
    let [batch, channels, spatial] = shape;
    let channel = |i: usize| i / spatial % channels;
    let empty = vec![0u32; channels];
    let [mean, var] = statistics(x, channels, channel);
    let [operand, gradient] = operands;

    let args = [buffers[0], &[empty.clone(), empty.clone()]].concat();
    let out = run(ChannelMoments { batch, channels, spatial, x: operand.clone() }, &args);
    let [.., got_mean, got_var] = &out[..] else { unreachable!() };
    near("mean", got_mean, &mean, 1e-5);
    near("var", got_var, &var, 1e-5);

    let (mut sum, mut product) = (vec![0.0; channels], vec![0.0; channels]);
    for (i, &dy) in dy.iter().enumerate() {
        sum[channel(i)] += f64::from(dy);
        product[channel(i)] += f64::from(dy) * (f64::from(x[i]) - f64::from(got_mean[channel(i)]));
    }
    let args = [buffers[0], buffers[1], &[words(got_mean), empty.clone(), empty]].concat();
    let out = run(ChannelSums { batch, channels, spatial, x: operand, dy: gradient }, &args);
    let [.., got_sum, got_product] = &out[..] else { unreachable!() };
    // Sums of numbers of either sign: relative to the size of the terms.
    let size = ((batch * spatial) as f64).sqrt().max(1.0);
    near("sum", got_sum, &sum, 1e-5 * size);
    near("product", got_product, &product, 1e-5 * size);
}

#[test]
fn channel_statistics_follow_the_formula() {
    for shape in SHAPES {
        let count = shape.iter().product();
        let (x, dy) = (values(count, 1), values(count, 2));
        channel_statistics(shape, [&x, &dy], [plain(shape), plain(shape)], [&[words(&x)], &[words(&dy)]]);
    }
}

#[test]
fn channel_statistics_of_computed_operands() {
    for shape in SHAPES {
        let count = shape.iter().product();
        let [a, b] = [values(count, 1), values(count, 2)];
        let [p, q] = [values(shape[1], 3), values(shape[1], 4)];
        let ((operand, x), (gradient, dy)) = (shifted(shape, &a, &p), shifted(shape, &b, &q));
        let buffers = [[words(&a), words(&p)], [words(&b), words(&q)]];
        channel_statistics(shape, [&x, &dy], [operand, gradient], [&buffers[0], &buffers[1]]);
    }
}

#[test]
fn statistics_survive_a_large_mean() {
    for shape in [[2, 3, 1024], [1000, 3, 1], [1, 2, 40_001], [8, 2, 16]] {
        let [batch, channels, spatial] = shape;
        let x: Vec<f32> = values(batch * channels * spatial, 7).iter().map(|v| 1000.0 + v).collect();
        let [mean, var] = statistics(&x, channels, |i| i / spatial % channels);
        let args = [words(&x), vec![0; channels], vec![0; channels]];
        for device in gpu_core::testing::devices() {
            let kernel = ChannelMoments { batch, channels, spatial, x: plain(shape) };
            let out = run_kernel(&device, Arc::new(kernel), &args);
            near("mean", &floats(&out[1]), &mean, 1e-6);
            near("var", &floats(&out[2]), &var, 1e-3);
        }
    }
}

#[test]
fn channel_statistics_are_the_same_for_every_number_of_threads() {
    for shape in [[24, 5, 1024], [500, 70, 1], [40, 17, 16]] {
        let [batch, channels, spatial] = shape;
        let [x, dy] = [1, 2].map(|seed| words(&values(batch * channels * spatial, seed)));
        let (mean, empty) = (words(&vec![0.5; channels]), vec![0; channels]);
        let on = |threads: usize| {
            let cpu = gpu_core::testing::cpu(threads);
            let run = |kernel: Arc<dyn Kernel>, args: &[Vec<u32>]| run_kernel(&cpu, kernel, args);
            let moments = ChannelMoments { batch, channels, spatial, x: plain(shape) };
            let moments = run(Arc::new(moments), &[x.clone(), empty.clone(), empty.clone()]);
            let sums = ChannelSums { batch, channels, spatial, x: plain(shape), dy: plain(shape) };
            let args = [x.clone(), dy.clone(), mean.clone(), empty.clone(), empty.clone()];
            (moments, run(Arc::new(sums), &args))
        };
        let one = on(1);
        assert_eq!(one, on(2));
        assert_eq!(one, on(5));
    }
}

fn layer_norm([rows, cols]: [usize; 2]) {
    let row = |i: usize| i / cols;
    let (x, dy) = (values(rows * cols, 1), values(rows * cols, 2));
    let (gamma, beta) = (values(cols, 3), values(cols, 4));
    let [mean, var] = statistics(&x, rows, row);
    let rstd: Vec<f64> = var.iter().map(|v| 1.0 / (v + f64::from(EPS)).sqrt()).collect();
    let xhat: Vec<f64> =
        x.iter().enumerate().map(|(i, &x)| (f64::from(x) - mean[row(i)]) * rstd[row(i)]).collect();
    let empty = |count: usize| vec![0u32; count];

    let args = [words(&x), words(&gamma), words(&beta), empty(x.len()), empty(rows), empty(rows)];
    let out = run(LayerNorm { rows, cols, eps: EPS }, &args);
    let scaled = |(i, xhat): (usize, &f64)| xhat * f64::from(gamma[i % cols]) + f64::from(beta[i % cols]);
    near("y", &out[3], &xhat.iter().enumerate().map(scaled).collect::<Vec<_>>(), 1e-5);
    near("mean", &out[4], &mean, 1e-5);
    near("rstd", &out[5], &rstd, 1e-5);

    let (mut dgamma, mut dbeta) = (vec![0.0; cols], vec![0.0; cols]);
    let mut sums = vec![[0.0; 2]; rows];
    for (i, &dy) in dy.iter().enumerate() {
        dgamma[i % cols] += f64::from(dy) * xhat[i];
        dbeta[i % cols] += f64::from(dy);
        let g = f64::from(dy) * f64::from(gamma[i % cols]) / cols as f64;
        sums[row(i)][0] += g;
        sums[row(i)][1] += g * xhat[i];
    }
    let (mean, inverse) = (words(&out[4]), words(&out[5]));
    let args = [words(&x), mean.clone(), inverse.clone(), words(&dy), empty(cols), empty(cols)];
    let out = run(LayerNormGradParams { rows, cols }, &args);
    near("dgamma", &out[4], &dgamma, 1e-5);
    near("dbeta", &out[5], &dbeta, 1e-5);

    let input = |i: usize| {
        let g = f64::from(dy[i]) * f64::from(gamma[i % cols]);
        rstd[row(i)] * (g - sums[row(i)][0] - xhat[i] * sums[row(i)][1])
    };
    let args = [words(&x), words(&gamma), mean, inverse, words(&dy), empty(x.len())];
    let out = run(LayerNormGradInput { rows, cols }, &args);
    near("dx", &out[5], &(0..x.len()).map(input).collect::<Vec<_>>(), 1e-5);
}

#[test]
fn layer_norm_follows_the_formula() {
    [[1, 1], [3, 7], [5, 64], [70, 33], [9000, 3], [2, 100_000]].into_iter().for_each(layer_norm);
}
