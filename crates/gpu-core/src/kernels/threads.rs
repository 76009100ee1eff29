//! CPU twins give the same bits on any number of threads.

use crate::kernel::RawArg;
use crate::kernels::{Conv2d, Conv2dShape, Conv2dWeightGrad, MatMul, Prologue, Reduce, ReduceOp};
use crate::{Access, Args, DType, Kernel, Layout, Target};

/// The contents of all arguments after a run on `threads` threads.
fn run(kernel: &dyn Kernel, sizes: &[usize], threads: usize) -> Vec<Vec<u32>> {
    let value = |i: u32| (i.wrapping_mul(0x9e37_79b9) >> 8) as f32 / (1 << 23) as f32 - 1.0;
    let mut memory: Vec<Vec<u32>> =
        sizes.iter().map(|&n| (0..n as u32).map(|i| value(i).to_bits()).collect()).collect();
    let mut access = kernel.access();
    let scratch = kernel.scratch(Target::Cpu);
    if scratch > 0 {
        memory.push(vec![0; scratch.div_ceil(4)]);
        access.push(Access::ReadWrite);
    }
    let raw = |(words, &access): (&mut Vec<u32>, &Access)| RawArg {
        pointer: words.as_mut_ptr().cast(),
        bytes: 4 * words.len(),
        access,
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads");
    pool.install(|| {
        // SAFETY: vectors that outlive the run, one per argument.
        kernel.run(&unsafe { Args::new(memory.iter_mut().zip(&access).map(raw)) });
    });
    memory.truncate(sizes.len());
    memory
}

fn check(kernel: impl Kernel, sizes: &[usize]) {
    let want = run(&kernel, sizes, 1);
    for threads in [2, 3, 5] {
        assert!(run(&kernel, sizes, threads) == want, "{kernel:?} on {threads} threads");
    }
}

fn product(m: usize, n: usize, k: usize) {
    let product = MatMul::new(Layout::contiguous(&[m, k]), Layout::contiguous(&[k, n]));
    check(product, &[m * k, k * n, m * n]);
    let turned = Layout::contiguous(&[n, k]).permute(&[1, 0]);
    check(MatMul::new(Layout::contiguous(&[m, k]), turned), &[m * k, k * n, m * n]);
}

/// The `gemm` crate splits products by threads, but never their sums: sizes with one task, with rows cut, with K cut, and of vectors.
#[test]
fn products() {
    for [m, n, k] in
        [[257, 300, 515], [64, 40, 8200], [2300, 20, 70], [1, 700, 900], [900, 1, 700], [33, 1030, 64]]
    {
        product(m, n, k);
    }
}

#[test]
fn convolutions_and_sums() {
    let shape = Conv2dShape {
        batch: 3,
        in_channels: 33,
        out_channels: 35,
        groups: 1,
        input: [18, 20],
        kernel: [3, 3],
        stride: [1, 1],
        padding: [1, 1],
        dilation: [1, 1],
    };
    let plain = |shape: &[usize]| Prologue::plain(DType::F32, Layout::contiguous(shape));
    for s in [shape, Conv2dShape { stride: [2, 2], ..shape }] {
        let ([h, w], [oh, ow]) = (s.input, s.output());
        let (x, y) = ([s.batch, s.in_channels, h, w], [s.batch, s.out_channels, oh, ow]);
        let [inputs, outputs]: [usize; 2] = [x, y].map(|shape| shape.iter().product());
        let weights = s.out_channels * s.in_channels * 9;
        check(Conv2d::new(s, plain(&x)), &[inputs, weights, outputs]);
        check(Conv2dWeightGrad::new(s, plain(&x), plain(&y)), &[inputs, outputs, weights]);
    }
    check(Reduce::new(ReduceOp::Sum, plain(&[3, 200_001]), 1), &[600_003, 3]);
    check(
        Reduce::new(ReduceOp::Sum, plain(&[200_001, 3]).relayout(|l| l.permute(&[1, 0])), 1),
        &[600_003, 3],
    );
}
