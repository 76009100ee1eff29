//! Softmax, cross-entropy and their gradients: the CPU twins against f64, and against WGSL.

use std::sync::Arc;

use gpu_core::kernels::{CrossEntropy, CrossEntropyGrad, Softmax, SoftmaxGrad};
use gpu_core::testing::{check_twin, run_kernel};
use gpu_core::{Device, Kernel};

const SIZES: [(usize, usize); 7] = [(1, 1), (3, 10), (70, 33), (5, 129), (300, 64), (2, 5000), (1, 100_000)];

/// Pseudo-random floats between -scale and scale.
fn floats(n: usize, seed: u32, scale: f32) -> Vec<f32> {
    let value = |i: u32| {
        let x = (i ^ seed).wrapping_mul(0x85eb_ca6b);
        let x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35) >> 8;
        (x as f32 / (1 << 23) as f32 - 1.0) * scale
    };
    (0..n as u32).map(value).collect()
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// Checks the last argument of the kernel against `want`, and CPU against GPU.
fn check(kernel: impl Kernel + 'static, mut args: Vec<Vec<u32>>, want: &[f64]) {
    let kernel: Arc<dyn Kernel> = Arc::new(kernel);
    args.push(vec![7; want.len()]);
    let got = run_kernel(&Device::named("cpu").unwrap(), kernel.clone(), &args).pop().unwrap();
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        let got = f64::from(f32::from_bits(got));
        let close = (got - want).abs() <= 2e-6 * want.abs().max(0.1) || got == want;
        assert!(close || (got.is_nan() && want.is_nan()), "{kernel:?}: element {i} is {got}, not {want}");
    }
    let floats = vec![true; args.len()];
    check_twin(kernel, &args, &floats, 2e-6);
}

/// Maximum, and logarithm of the sum of exponentials, of a row.
fn lse(x: &[f32]) -> f64 {
    let max = x.iter().fold(f64::NEG_INFINITY, |m, &x| m.max(f64::from(x)));
    max + x.iter().map(|&x| (f64::from(x) - max).exp()).sum::<f64>().ln()
}

fn log_softmax(x: &[f32], cols: usize) -> Vec<f64> {
    let row = |x: &[f32]| {
        let lse = lse(x);
        x.iter().map(|&v| f64::from(v) - lse).collect::<Vec<_>>()
    };
    x.chunks(cols).flat_map(row).collect()
}

#[test]
fn softmax_and_its_logarithm_agree() {
    for (rows, cols) in SIZES {
        let x = floats(rows * cols, 1, 20.0);
        let logs: Vec<f64> = log_softmax(&x, cols);
        let exps: Vec<f64> = logs.iter().map(|x| x.exp()).collect();
        check(Softmax { rows, cols, log: true }, vec![bits(&x)], &logs);
        check(Softmax { rows, cols, log: false }, vec![bits(&x)], &exps);
    }
}

#[test]
fn softmax_of_infinities_and_large_values() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    for cols in [4, 200] {
        let mut x = vec![-inf; 6 * cols];
        x[..4].copy_from_slice(&[1.0, -inf, 1.0, -inf]);
        x[cols..][..2].copy_from_slice(&[3.0e38, 3.0e38]);
        x[2 * cols] = -3.0e38;
        x[3 * cols..][..2].copy_from_slice(&[nan, 1.0]);
        x[4 * cols..][..2].copy_from_slice(&[inf, 1.0]);
        let mut want = vec![0.0; 6 * cols];
        (want[0], want[2], want[cols], want[cols + 1], want[2 * cols]) = (0.5, 0.5, 0.5, 0.5, 1.0);
        want[3 * cols..].fill(f64::NAN);
        check(Softmax { rows: 6, cols, log: false }, vec![bits(&x)], &want);
    }
}

#[test]
fn softmax_gradients_agree() {
    for (rows, cols) in SIZES {
        let logs: Vec<f32> =
            log_softmax(&floats(rows * cols, 1, 5.0), cols).iter().map(|&x| x as f32).collect();
        let dy = floats(rows * cols, 9, 1.0);
        let both: Vec<(f64, f64)> =
            logs.iter().zip(&dy).map(|(&y, &d)| (f64::from(y), f64::from(d))).collect();
        let log = both.chunks(cols).flat_map(|row| {
            let sum: f64 = row.iter().map(|x| x.1).sum();
            row.iter().map(move |(y, d)| d - y.exp() * sum)
        });
        check(SoftmaxGrad { rows, cols, log: true }, vec![bits(&logs), bits(&dy)], &log.collect::<Vec<_>>());
        let exps: Vec<f32> = logs.iter().map(|x| x.exp()).collect();
        let both: Vec<(f64, f64)> =
            exps.iter().zip(&dy).map(|(&y, &d)| (f64::from(y), f64::from(d))).collect();
        let plain = both.chunks(cols).flat_map(|row| {
            let sum: f64 = row.iter().map(|x| x.0 * x.1).sum();
            row.iter().map(move |(y, d)| y * (d - sum))
        });
        check(
            SoftmaxGrad { rows, cols, log: false },
            vec![bits(&exps), bits(&dy)],
            &plain.collect::<Vec<_>>(),
        );
    }
}

#[test]
fn cross_entropy_and_its_gradient_agree() {
    // Not with one column, where the gradient is only rounding error.
    for ((rows, cols), smoothing) in SIZES.into_iter().skip(1).flat_map(|s| [(s, 0.0f32), (s, 0.1)]) {
        let (x, dloss) = (floats(rows * cols, 1, 8.0), floats(rows, 5, 1.0));
        let invalid = [-1, cols as i32, -100, i32::MIN, i32::MAX];
        let target = |r: usize| invalid.get(r.wrapping_sub(1)).copied().unwrap_or((r * 7 % cols) as i32);
        let e = f64::from(smoothing);
        let (mut loss, mut dx) = (vec![], vec![]);
        for (r, x) in x.chunks(cols).enumerate() {
            let (t, lse, d) = (target(r), lse(x), f64::from(dloss[r]));
            let invalid = match t {
                -100 => Some(0.0),
                t if t < 0 || t >= cols as i32 => Some(f64::NAN),
                _ => None,
            };
            let all: f64 = x.iter().map(|&x| lse - f64::from(x)).sum();
            let hit = |j: usize| if j as i32 == t { 1.0 } else { 0.0 };
            let value = || (1.0 - e) * (lse - f64::from(x[t as usize])) + e / cols as f64 * all;
            loss.push(invalid.unwrap_or_else(value));
            for (j, &x) in x.iter().enumerate() {
                let g = d * ((f64::from(x) - lse).exp() - (1.0 - e) * hit(j) - e / cols as f64);
                dx.push(invalid.unwrap_or(g));
            }
        }
        let targets: Vec<u32> = (0..rows).map(|r| target(r) as u32).collect();
        let args = vec![bits(&x), targets];
        let ignore_index = -100;
        check(CrossEntropy { rows, cols, smoothing, ignore_index }, args.clone(), &loss);
        let args = [args, vec![bits(&dloss)]].concat();
        check(CrossEntropyGrad { rows, cols, smoothing, ignore_index, one_loss: false }, args, &dx);
    }
}

#[test]
fn masked_logits_leave_the_loss_finite() {
    let x = [0.0, f32::NEG_INFINITY, 0.0];
    let kernel = CrossEntropy { rows: 1, cols: 3, smoothing: 0.0, ignore_index: -100 };
    check(kernel, vec![bits(&x), vec![2]], &[2f64.ln()]);
}

#[test]
fn large_logits_do_not_drown_a_small_loss() {
    let kernel = CrossEntropy { rows: 1, cols: 2, smoothing: 0.0, ignore_index: -100 };
    check(kernel, vec![bits(&[1000.0, 990.0]), vec![0]], &[(-10f64).exp().ln_1p()]);
}

#[test]
fn results_do_not_depend_on_threads() {
    let (rows, cols) = (900, 100);
    let kernel = Arc::new(Softmax { rows, cols, log: false });
    let run = |threads| {
        let cpu = gpu_core::testing::cpu(threads);
        let args = [bits(&floats(rows * cols, 3, 4.0)), vec![0; rows * cols]];
        run_kernel(&cpu, kernel.clone(), &args)
    };
    assert_eq!(run(1), run(3));
}
