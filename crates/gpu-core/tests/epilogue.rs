//! Kernels with an element-wise epilogue, in all variants of all families of GPUs.

use std::sync::Arc;

use gpu_core::kernels::{
    Binary, Conv2d, Conv2dInputGrad, Conv2dShape, Fused, Instr, LayerNormGradInput, Map, MatMul, Program,
    Prologue, Reduce, ReduceOp,
};
use gpu_core::testing::check_twin;
use gpu_core::{Access, DType, GpuFamily, GpuProfile, Kernel, Layout};

/// The words of floats between -1 and 1.
fn noise(count: usize, seed: u32) -> Vec<u32> {
    let number = |i: u32| {
        let x = (i ^ seed.wrapping_mul(0x9e37_79b9)).wrapping_mul(0x85eb_ca6b);
        let x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35) >> 8;
        (x as f32 / (1 << 23) as f32 - 1.0).to_bits()
    };
    (0..count as u32).map(number).collect()
}

/// `max(kernel, 0) + residual * scale` with a scale for every index of the last dimension, and the same times two into every second
/// row of a larger output.
fn code(rows: usize, cols: usize) -> Map {
    let code = [
        Instr::Const(DType::F32, 0f32.to_bits()),
        Instr::Binary(Binary::Max, 0, 3),
        Instr::Binary(Binary::Mul, 1, 2),
        Instr::Binary(Binary::Add, 4, 5),
        Instr::Binary(Binary::Add, 6, 6),
    ];
    let program = Program::with_outputs(&[DType::F32; 3], &code, &[6, 7]);
    let dense = Layout::contiguous(&[rows, cols]);
    let apart = Layout::new(vec![rows, cols], vec![2 * cols as isize, 1], 0);
    let inputs = [dense.clone(), dense.clone(), Layout::contiguous(&[cols]).expand(&[rows, cols])];
    let inputs = inputs.into_iter().map(|l| l.into()).enumerate().collect();
    Map::fused(program, inputs, vec![dense.into(), apart.into()])
}

/// Checks a kernel of `[rows, cols]` with its own results, too, as software adapters compute it, and without them as real GPUs do.
fn check(kernel: Arc<dyn Kernel>, inputs: &[Vec<u32>], size: [usize; 2]) {
    check_within(1e-5, kernel, inputs, size);
}

fn check_within(tolerance: f32, kernel: Arc<dyn Kernel>, inputs: &[Vec<u32>], [rows, cols]: [usize; 2]) {
    for (kept, family) in [(true, GpuFamily::Software), (false, GpuFamily::Other)] {
        let taken = vec![Some(0), None, None];
        let fused = Fused::new(kernel.clone(), code(rows, cols), taken, vec![kept]).unwrap();
        let own = kernel.access().into_iter().map(|a| a == Access::Write);
        let mut reads = inputs.iter();
        let of_kernel: Vec<Vec<u32>> = own
            .map(|written| if written { noise(rows * cols, 7) } else { reads.next().unwrap().clone() })
            .collect();
        let [first, second] = [noise(rows * cols, 5), noise(2 * rows * cols, 6)];
        let map = [vec![], noise(rows * cols, 3), noise(cols, 4), first, second];
        let args = fused.arguments(&of_kernel, &map);
        let kernel: Arc<dyn Kernel> = Arc::new(fused);
        let variants = kernel.variants(&GpuProfile { family, subgroup: Some(8), cooperative: None });
        let variants = variants.map_or(vec![], |v| v.options).into_iter().map(|(_, kernel)| kernel);
        // Each takes seconds to compile.
        for kernel in std::iter::once(kernel).chain(variants.take(2)) {
            check_twin(kernel, &args, &vec![true; args.len()], tolerance);
        }
    }
}

#[test]
fn products() {
    // Rows of whole vectors, and others; with the inner dimension split or whole.
    for [m, n, k] in [[70, 68, 40], [66, 65, 300]] {
        let product = MatMul::new(Layout::contiguous(&[m, k]), Layout::contiguous(&[k, n]));
        check(Arc::new(product), &[noise(m * k, 1), noise(k * n, 2)], [m, n]);
    }
}

#[test]
fn convolutions() {
    let shape = |stride, channels| Conv2dShape {
        batch: 1,
        in_channels: channels,
        out_channels: channels,
        groups: 1,
        input: [5, 8],
        kernel: [3, 3],
        stride,
        padding: [1, 1],
        dilation: [1, 1],
    };
    // The second is computed by Winograd's algorithm, which is less accurate, on the CPU and on software adapters.
    for (stride, channels, tolerance) in [([1, 1], 12, 1e-5), ([1, 1], 66, 6e-5), ([2, 2], 130, 1e-5)] {
        let s = shape(stride, channels);
        let [h, w] = s.output();
        let plane =
            |[h, w]: [usize; 2]| Prologue::plain(DType::F32, Layout::contiguous(&[1, channels, h, w]));
        let (x, dy, weight) = (plane([5, 8]), plane([h, w]), noise(9 * channels * channels, 2));
        let inputs = [noise(x.numel(), 1), weight.clone()];
        check_within(tolerance, Arc::new(Conv2d::new(s, x)), &inputs, [channels, h * w]);
        let inputs = [noise(dy.numel(), 1), weight];
        check_within(tolerance, Arc::new(Conv2dInputGrad::new(s, dy)), &inputs, [channels, 40]);
    }
}

#[test]
fn reductions() {
    let rows = Prologue::plain(DType::F32, Layout::contiguous(&[7, 64, 700]));
    check(Arc::new(Reduce::new(ReduceOp::Sum, rows, 2)), &[noise(7 * 64 * 700, 1)], [7, 64]);
}

#[test]
fn rows() {
    for cols in [64, 13] {
        let program = Program::new(&[DType::F32; 2], &[Instr::Binary(Binary::Add, 0, 1)]);
        let dense = Layout::contiguous(&[7, cols]);
        let map = Map::new(program, &[dense.clone(), dense.clone()], dense);
        let kernel = Arc::new(LayerNormGradInput { rows: 7, cols });
        let fused = Fused::new(kernel, map, vec![Some(0), None], vec![false]).unwrap();
        let inputs = [7 * cols, cols, 7, 7, 7 * cols, 7 * cols, 7 * cols];
        let args: Vec<Vec<u32>> = inputs.iter().zip(1..).map(|(&count, seed)| noise(count, seed)).collect();
        check_twin(Arc::new(fused), &args, &vec![true; args.len()], 1e-5);
    }
}

/// What is packed, lies in another order, or is a part of a larger argument is not fused.
#[test]
fn other_layouts_are_refused() {
    let product = || Arc::new(MatMul::new(Layout::contiguous(&[4, 6]), Layout::contiguous(&[6, 4])));
    let dense = Layout::contiguous(&[4, 4]);
    let refused = |input: Layout| {
        let map = Map::copy(DType::F32, &input, dense.clone());
        Fused::new(product(), map, vec![Some(0)], vec![false]).is_none()
    };
    assert!(!refused(dense.clone()));
    assert!(refused(dense.permute(&[1, 0])));
    assert!(refused(Layout::new(vec![4, 4], vec![4, 1], 4)));
    assert!(refused(Layout::new(vec![4, 4], vec![0, 1], 0)));
}
