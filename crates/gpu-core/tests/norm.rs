//! Batch and layer normalisation against references in f64, and CPU twin against WGSL.

use std::sync::Arc;

use gpu_core::kernels::{BatchNorm, BatchNormGradInput, BatchNormGradParams};
use gpu_core::kernels::{LayerNorm, LayerNormGradInput, LayerNormGradParams};
use gpu_core::testing::{check_twin, run_kernel};
use gpu_core::{Device, Kernel};

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

fn batch_norm([batch, channels, spatial]: [usize; 3]) {
    let (m, eps) = (batch * spatial, f64::from(EPS));
    let channel = |i: usize| i / spatial % channels;
    let (x, dy) = (values(channels * m, 1), values(channels * m, 2));
    let (gamma, beta) = (values(channels, 3), values(channels, 4));
    let [mean, var] = statistics(&x, channels, channel);
    let rstd: Vec<f64> = var.iter().map(|v| 1.0 / (v + eps).sqrt()).collect();
    let xhat: Vec<f64> =
        x.iter().enumerate().map(|(i, &x)| (f64::from(x) - mean[channel(i)]) * rstd[channel(i)]).collect();
    let empty = |count: usize| vec![0u32; count];

    let args = [words(&x), words(&gamma), words(&beta), empty(x.len()), empty(channels), empty(channels)];
    let out = run(BatchNorm { batch, channels, spatial, eps: EPS }, &args);
    let scaled = |(i, xhat): (usize, &f64)| xhat * f64::from(gamma[channel(i)]) + f64::from(beta[channel(i)]);
    near("y", &out[3], &xhat.iter().enumerate().map(scaled).collect::<Vec<_>>(), 1e-5);
    near("mean", &out[4], &mean, 1e-5);
    near("var", &out[5], &var, 1e-5);

    let (mut dgamma, mut dbeta) = (vec![0.0; channels], vec![0.0; channels]);
    for (i, &dy) in dy.iter().enumerate() {
        dgamma[channel(i)] += f64::from(dy) * xhat[i];
        dbeta[channel(i)] += f64::from(dy);
    }
    let (mean, var) = (words(&out[4]), words(&out[5]));
    let args = [words(&x), mean.clone(), var.clone(), words(&dy), empty(channels), empty(channels)];
    let sums = run(BatchNormGradParams { batch, channels, spatial, eps: EPS }, &args);
    // Sums of numbers of either sign: relative to the size of what is added.
    let size = (m as f64).sqrt().max(1.0);
    near("dgamma", &sums[4], &dgamma, 1e-5 * size);
    near("dbeta", &sums[5], &dbeta, 1e-5 * size);

    let dx: Vec<f64> = (0..x.len())
        .map(|i| {
            let (c, m) = (channel(i), m as f64);
            f64::from(gamma[c]) * rstd[c] * (f64::from(dy[i]) - dbeta[c] / m - xhat[i] * dgamma[c] / m)
        })
        .collect();
    let (dgamma, dbeta) = (words(&sums[4]), words(&sums[5]));
    let args = [words(&x), words(&gamma), mean, var, words(&dy), dgamma, dbeta, empty(x.len())];
    let out = run(BatchNormGradInput { batch, channels, spatial, eps: EPS }, &args);
    near("dx", &out[7], &dx, 1e-5);
}

#[test]
fn batch_norm_follows_the_formula() {
    SHAPES.into_iter().for_each(batch_norm);
}

#[test]
fn statistics_survive_a_large_mean() {
    for [batch, channels, spatial] in [[2, 3, 1024], [1000, 3, 1], [1, 2, 40_001], [8, 2, 16]] {
        let x: Vec<f32> = values(batch * channels * spatial, 7).iter().map(|v| 1000.0 + v).collect();
        let [mean, var] = statistics(&x, channels, |i| i / spatial % channels);
        let ones = words(&vec![1.0; channels]);
        let empty = vec![0; channels];
        let args = [words(&x), ones.clone(), ones, vec![0; x.len()], empty.clone(), empty];
        for device in gpu_core::testing::devices() {
            let kernel = BatchNorm { batch, channels, spatial, eps: EPS };
            let out = run_kernel(&device, Arc::new(kernel), &args);
            near("mean", &floats(&out[4]), &mean, 1e-6);
            near("var", &floats(&out[5]), &var, 1e-3);
        }
    }
}

#[test]
fn batch_norm_is_the_same_for_every_number_of_threads() {
    for [batch, channels, spatial] in [[24, 5, 1024], [500, 70, 1], [40, 17, 16]] {
        let count = batch * channels * spatial;
        let (x, dy) = (words(&values(count, 1)), words(&values(count, 2)));
        let (ones, empty) = (words(&vec![1.0; channels]), vec![0; channels]);
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let run = |kernel: Arc<dyn Kernel>, args: &[Vec<u32>]| {
                pool.install(|| run_kernel(&Device::named("cpu").unwrap(), kernel, args))
            };
            let args = [x.clone(), ones.clone(), ones.clone(), vec![0; count], empty.clone(), empty.clone()];
            let forward = run(Arc::new(BatchNorm { batch, channels, spatial, eps: EPS }), &args);
            let args = [x.clone(), ones.clone(), ones.clone(), dy.clone(), empty.clone(), empty.clone()];
            let sums = run(Arc::new(BatchNormGradParams { batch, channels, spatial, eps: EPS }), &args);
            (forward, sums)
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
