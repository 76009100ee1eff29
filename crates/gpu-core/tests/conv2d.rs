//! Convolution and its gradients: CPU twin against a plain f64 loop nest, and WGSL against the CPU twin.

use std::sync::Arc;

use gpu_core::kernels::{Conv2d, Conv2dInputGrad, Conv2dShape, Conv2dWeightGrad};
use gpu_core::testing::{check_twin, devices, run_kernel};
use gpu_core::{Device, Kernel};

/// `n` numbers in -1..1, by a fixed generator.
fn noise(n: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..n).map(next).collect()
}

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

type Pass = (Arc<dyn Kernel>, [Vec<f32>; 2], Vec<f64>);

/// The three passes with their two inputs and the expected result.
fn passes(s: Conv2dShape) -> Vec<Pass> {
    let [nx, nw, ny] = sizes(&s);
    let (x, w, dy) = (noise(nx, 1), noise(nw, 2), noise(ny, 3));
    let (mut y, mut dx, mut dw) = (vec![0.0; ny], vec![0.0; nx], vec![0.0; nw]);
    products(&s, |i, j, k| {
        y[k] += f64::from(x[i]) * f64::from(w[j]);
        dx[i] += f64::from(dy[k]) * f64::from(w[j]);
        dw[j] += f64::from(dy[k]) * f64::from(x[i]);
    });
    vec![
        (Arc::new(Conv2d { shape: s }), [x.clone(), w.clone()], y),
        (Arc::new(Conv2dInputGrad { shape: s }), [dy.clone(), w], dx),
        (Arc::new(Conv2dWeightGrad { shape: s }), [x, dy], dw),
    ]
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
    for case in CASES {
        for (kernel, [a, b], want) in passes(shape(case)) {
            let junk = vec![f32::NAN.to_bits(); want.len()];
            let got = run_kernel(&cpu, kernel.clone(), &[words(&a), words(&b), junk]);
            close(&*kernel, &got[2], &want, 3e-6);
        }
    }
}

#[test]
fn gpu_equals_cpu() {
    for case in CASES {
        for (kernel, [a, b], want) in passes(shape(case)) {
            let junk = vec![f32::NAN.to_bits(); want.len()];
            check_twin(kernel, &[words(&a), words(&b), junk], &[true; 3], 1e-5);
        }
    }
}

/// Some drivers stop loops after 65,535 iterations.
#[test]
fn long_sums_are_complete() {
    let pixels = shape((130, 2, 2, 1, [32, 32], [3, 3], [1, 1], [1, 1], [1, 1]));
    let channels = shape((1, 8200, 1, 1, [2, 2], [3, 3], [1, 1], [1, 1], [1, 1]));
    for (kernel, [a, b], want) in [passes(pixels).pop().unwrap(), passes(channels).swap_remove(0)] {
        for device in devices() {
            let args = [words(&a), words(&b), vec![0; want.len()]];
            close(&*kernel, &run_kernel(&device, kernel.clone(), &args)[2], &want, 1e-5);
        }
    }
}

#[test]
fn weight_gradient_does_not_depend_on_threads() {
    let cpu = Device::named("cpu").unwrap();
    let (kernel, [a, b], want) =
        passes(shape((37, 6, 9, 1, [16, 16], [3, 3], [1, 1], [1, 1], [1, 1]))).pop().unwrap();
    let args = [words(&a), words(&b), vec![0; want.len()]];
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run_kernel(&cpu, kernel.clone(), &args))
    };
    assert_eq!(run(1), run(3));
}
