//! Pooling against naive references, and CPU twin against WGSL.

use std::sync::Arc;

use gpu_core::kernels::{AvgPool2d, AvgPool2dGrad, MaxPool2d, MaxPool2dGrad, Pool2dShape};
use gpu_core::testing::{check_twin, run_kernel};
use gpu_core::{Device, Kernel};

fn values(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919 + seed * 31) % 1009) as f32 / 64.0 - 8.0).collect()
}

fn words(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

fn run(kernel: impl Kernel + 'static, args: &[Vec<u32>], float: &[bool]) -> Vec<Vec<u32>> {
    let kernel: Arc<dyn Kernel> = Arc::new(kernel);
    check_twin(kernel.clone(), args, float, 1e-6);
    run_kernel(&Device::named("cpu").unwrap(), kernel, args)
}

/// A shape from `[kernel, stride, padding, dilation]` of both dimensions.
fn shape(planes: usize, input: [usize; 2], sizes: [[usize; 4]; 2], ceil: bool) -> Pool2dShape {
    let out = |d: usize| {
        let [kernel, stride, padding, dilation] = sizes[d];
        let room = input[d] + 2 * padding - dilation * (kernel - 1) - 1;
        let last = if ceil { room.div_ceil(stride) } else { room / stride };
        // The last window must start inside the input or the padding before it.
        1 + if last * stride >= input[d] + padding { last - 1 } else { last }
    };
    let [kernel, stride, padding, dilation] = [0, 1, 2, 3].map(|k| [sizes[0][k], sizes[1][k]]);
    Pool2dShape { planes, input, output: [out(0), out(1)], kernel, stride, padding, dilation }
}

fn shapes() -> Vec<Pool2dShape> {
    let mut shapes = vec![];
    for ceil in [false, true] {
        shapes.push(shape(3, [8, 8], [[2, 2, 0, 1]; 2], ceil));
        shapes.push(shape(2, [7, 10], [[3, 2, 1, 1], [2, 3, 1, 1]], ceil));
        shapes.push(shape(5, [9, 6], [[3, 1, 1, 1], [4, 1, 2, 1]], ceil));
        shapes.push(shape(2, [11, 12], [[3, 2, 1, 2], [2, 3, 1, 3]], ceil));
        shapes.push(shape(70, [5, 5], [[5, 1, 0, 1]; 2], ceil));
        shapes.push(shape(1, [6, 6], [[1, 3, 0, 1]; 2], ceil));
    }
    shapes
}

/// Positions of the input that window `(oy, ox)` covers.
fn window(shape: &Pool2dShape, oy: usize, ox: usize) -> Vec<usize> {
    let at = |d: usize, o: usize, k: usize| {
        (o * shape.stride[d] + k * shape.dilation[d])
            .checked_sub(shape.padding[d])
            .filter(|&i| i < shape.input[d])
    };
    let mut covered = vec![];
    for ky in 0..shape.kernel[0] {
        for kx in 0..shape.kernel[1] {
            if let (Some(iy), Some(ix)) = (at(0, oy, ky), at(1, ox, kx)) {
                covered.push(iy * shape.input[1] + ix);
            }
        }
    }
    covered
}

#[test]
fn max_pool_takes_the_first_maximum() {
    for shape in shapes() {
        let (inputs, outputs) = (shape.input[0] * shape.input[1], shape.output[0] * shape.output[1]);
        let (x, dy) = (values(shape.planes * inputs, 1), values(shape.planes * outputs, 2));
        let empty = vec![0; shape.planes * outputs];
        let forward = run(MaxPool2d { shape }, &[words(&x), empty.clone(), empty], &[true, true, false]);
        let mut dx = vec![0.0f32; x.len()];
        for o in 0..shape.planes * outputs {
            let plane = o / outputs * inputs;
            let covered = window(&shape, o % outputs / shape.output[1], o % shape.output[1]);
            let mut best = covered[0];
            covered.iter().for_each(|&i| best = if x[plane + i] > x[plane + best] { i } else { best });
            assert_eq!(f32::from_bits(forward[1][o]), x[plane + best], "{shape:?} {o}");
            assert_eq!(forward[2][o] as usize, best, "{shape:?} {o}");
            dx[plane + best] += dy[o];
        }
        let args = [words(&dy), forward[2].clone(), vec![1; x.len()]];
        let got = run(MaxPool2dGrad { shape }, &args, &[true, false, true]);
        assert_eq!(got[2], words(&dx), "{shape:?}");
    }
}

#[test]
fn max_pool_passes_on_what_is_not_finite() {
    let shape = shape(1, [2, 6], [[2, 2, 0, 1]; 2], false);
    let (nan, low) = (f32::NAN, f32::NEG_INFINITY);
    let x = [[1.0, nan, low, low, 2.0, f32::INFINITY], [3.0, 0.0, low, low, 1.0, 0.0]].concat();
    let got = run(MaxPool2d { shape }, &[words(&x), vec![0; 3], vec![0; 3]], &[true, true, false]);
    assert!(f32::from_bits(got[1][0]).is_nan());
    assert_eq!((f32::from_bits(got[1][1]), f32::from_bits(got[1][2])), (low, f32::INFINITY));
    assert_eq!(got[2], [1, 2, 5]);
}

/// The divisor of PyTorch's `avg_pool2d`.
fn divisor(shape: &Pool2dShape, [oy, ox]: [usize; 2], padded: bool, divisor: Option<usize>) -> f64 {
    let whole: i64 = [(0, oy), (1, ox)]
        .map(|(d, o)| {
            let (padding, size) = (shape.padding[d] as i64, shape.input[d] as i64);
            let start = (o * shape.stride[d]) as i64 - padding;
            (start + shape.kernel[d] as i64).min(size + padding) - start
        })
        .iter()
        .product();
    let own = if padded { whole as usize } else { window(shape, oy, ox).len() };
    divisor.unwrap_or(own) as f64
}

#[test]
fn average_pool_divides_as_pytorch() {
    for shape in shapes().into_iter().filter(|s| s.dilation == [1, 1]) {
        for (count_include_pad, by) in [(true, None), (false, None), (true, Some(3))] {
            let (inputs, outputs) = (shape.input[0] * shape.input[1], shape.output[0] * shape.output[1]);
            let (x, dy) = (values(shape.planes * inputs, 1), values(shape.planes * outputs, 2));
            let (mut y, mut dx) = (vec![0.0; dy.len()], vec![0.0; x.len()]);
            for o in 0..y.len() {
                let (plane, at) =
                    (o / outputs * inputs, [o % outputs / shape.output[1], o % shape.output[1]]);
                let by = divisor(&shape, at, count_include_pad, by);
                for i in window(&shape, at[0], at[1]) {
                    y[o] += f64::from(x[plane + i]) / by;
                    dx[plane + i] += f64::from(dy[o]) / by;
                }
            }
            let near = |got: &[u32], want: &[f64]| {
                for (got, want) in got.iter().zip(want) {
                    let got = f64::from(f32::from_bits(*got));
                    assert!((got - want).abs() < 1e-4, "{shape:?}: {got} instead of {want}");
                }
            };
            let kernel = AvgPool2d { shape, count_include_pad, divisor: by };
            near(&run(kernel, &[words(&x), vec![0; y.len()]], &[true; 2])[1], &y);
            let kernel = AvgPool2dGrad { shape, count_include_pad, divisor: by };
            near(&run(kernel, &[words(&dy), vec![1; x.len()]], &[true; 2])[1], &dx);
        }
    }
}
