//! Reductions: the CPU twin against sums in f64, and against WGSL.

use std::sync::Arc;

use gpu_core::kernels::{Binary, Instr, Program, Prologue, Reduce, ReduceOp};
use gpu_core::testing::{check_twin, run_kernel};
use gpu_core::{DType, Device, Layout};

use ReduceOp::*;

const ALL: [ReduceOp; 6] = [Sum, Prod, Max, Min, ArgMax, ArgMin];

/// Pseudo-random words.
fn noise(n: usize) -> impl Iterator<Item = u32> + Clone {
    (0..n as u32).map(|i| {
        let x = (i ^ 0x9e37_79b9).wrapping_mul(0x85eb_ca6b);
        ((x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35)) >> 8
    })
}

/// Floats between 0.5 and 1.5, as bits.
fn floats(n: usize) -> Vec<u32> {
    noise(n).map(|x| (0.5 + x as f32 / (1 << 24) as f32).to_bits()).collect()
}

/// The reduction in f64, from its definition; `value(i)` is element `i` in row-major order.
fn naive(op: ReduceOp, value: impl Fn(usize) -> f64, shape: &[usize], keep: usize) -> Vec<f64> {
    let kept: usize = shape[..keep].iter().product();
    let reduced: usize = shape[keep..].iter().product();
    let one = |k: usize| {
        let mut all = (0..reduced).map(|r| value(k * reduced + r)).enumerate();
        let first = all.clone().next();
        match op {
            Sum => all.map(|x| x.1).sum(),
            Prod => all.map(|x| x.1).product(),
            _ => {
                let more = |a: f64, b: f64| if matches!(op, Max | ArgMax) { b > a } else { b < a };
                let (mut at, mut best) = first.expect("extremes are of something");
                for (i, x) in all.by_ref() {
                    if !best.is_nan() && (x.is_nan() || more(best, x)) {
                        (at, best) = (i, x);
                    }
                }
                if op.is_arg() { at as f64 } else { best }
            }
        }
    };
    (0..kept).map(one).collect()
}

fn check(op: ReduceOp, dtype: DType, data: Vec<u32>, input: &Layout, keep: usize) {
    let value = |i: usize| match dtype {
        DType::F32 => f64::from(f32::from_bits(data[i])),
        DType::I32 => f64::from(data[i] as i32),
        _ => f64::from(data[i]),
    };
    let want = naive(op, |i| value(input.position(i)), input.shape(), keep);
    let kernel = Reduce::new(op, Prologue::plain(dtype, input.clone()), keep);
    compare(op, dtype, kernel, std::slice::from_ref(&data), &want);
}

/// Checks a kernel over `buffers` on every device.
fn compare(op: ReduceOp, dtype: DType, kernel: Reduce, buffers: &[Vec<u32>], want: &[f64]) {
    let kernel = Arc::new(kernel);
    let tolerance = if op == Prod { 3e-6 } else { 3e-7 };
    let args = [buffers, &[vec![7; want.len()]]].concat();
    let got = run_kernel(&Device::named("cpu").unwrap(), kernel.clone(), &args);
    for (o, (&got, &want)) in got.last().unwrap().iter().zip(want).enumerate() {
        let got = match op.dtype(dtype) {
            DType::F32 => f64::from(f32::from_bits(got)),
            DType::I32 => f64::from(got as i32),
            _ => f64::from(got),
        };
        let close =
            (got - want).abs() <= tolerance * want.abs() || (got.is_nan() && want.is_nan()) || got == want;
        assert!(close, "{kernel:?}: output {o} is {got}, not {want}");
    }
    let float = op.dtype(dtype) == DType::F32;
    check_twin(kernel, &args, &vec![float; args.len()], 4.0 * tolerance as f32);
}

/// `max(a b, a)`, where `b` is broadcast along the last dimension.
fn computed(op: ReduceOp, input: &Layout, keep: usize) {
    let shape = input.shape();
    let (inner, outer) = shape.split_last().unwrap();
    let strides = [Layout::contiguous(outer).strides(), &[0]].concat();
    let broadcast = Layout::new(shape.to_vec(), strides, 0);
    let (a, b) = (floats(600 * 700), floats(outer.iter().product()));
    let code = [Instr::Binary(Binary::Mul, 0, 1), Instr::Binary(Binary::Max, 2, 0)];
    let program = Program::new(&[DType::F32; 2], &code);
    let value = |i: usize| {
        let [a, b] = [a[input.position(i)], b[i / inner]].map(f32::from_bits);
        f64::from(a.max(a * b))
    };
    let want = naive(op, value, shape, keep);
    let kernel = Reduce::new(op, Prologue::new(program, vec![input.clone(), broadcast]), keep);
    compare(op, DType::F32, kernel, &[a.clone(), b.clone()], &want);
}

fn layouts() -> Vec<(Layout, usize)> {
    let c = Layout::contiguous;
    vec![
        (c(&[7, 13]), 1),
        (c(&[7, 13]), 0),
        (c(&[7, 13]), 2),
        (c(&[3, 131]), 1),
        (c(&[37, 5]).permute(&[1, 0]), 1),                         // columns
        (c(&[100, 3]).permute(&[1, 0]), 1),                        // few columns
        (c(&[600, 700]).permute(&[1, 0]).slice(0, 50, 530, 1), 1), // many columns, a part
        (c(&[4, 6, 5, 7]).permute(&[1, 0, 2, 3]), 1),              // as batch norm
        (c(&[4, 6, 5, 7]).permute(&[3, 0, 2, 1]), 2),              // everything strided
        (c(&[9, 20]).slice(1, 19, 10, -2), 1),                     // backwards
        (c(&[9, 20]).slice(0, 8, 9, -1).slice(1, 19, 20, -1), 0),  // backwards, all
        (c(&[5, 1]).expand(&[2, 5, 6]), 1),                        // broadcast
        (c(&[40, 8, 16]).permute(&[2, 0, 1]).slice(2, 7, 8, -1), 1), // columns, backwards
        (Layout::new(vec![3, 4, 30], vec![200, 31, 1], 5), 1),     // gaps
    ]
}

#[test]
fn float_reductions_over_any_layout() {
    for (layout, keep) in layouts() {
        for op in ALL {
            check(op, DType::F32, floats(600 * 700), &layout, keep);
        }
    }
}

#[test]
fn computed_operands_over_any_layout() {
    let long = Layout::contiguous(&[3, 70_000]);
    for (layout, keep) in layouts().into_iter().chain([(long.clone(), 1), (long.permute(&[1, 0]), 1)]) {
        // Products of many of these numbers overflow or underflow f32.
        for op in ALL.into_iter().filter(|&op| op != Prod || layout.numel() < 10_000) {
            computed(op, &layout, keep);
        }
    }
}

#[test]
fn integer_reductions_over_any_layout() {
    for (layout, keep) in layouts().into_iter().skip(4).step_by(2) {
        for op in [Sum, Max, Min, ArgMax, ArgMin] {
            let small = noise(600 * 700).map(|x| x % 1000);
            check(op, DType::U32, small.clone().collect(), &layout, keep);
            check(op, DType::I32, small.map(|x| x.wrapping_sub(500)).collect(), &layout, keep);
        }
    }
    for op in [Max, Min] {
        check(op, DType::Bool, noise(91).map(|x| x & 1).collect(), &Layout::contiguous(&[13, 7]), 1);
    }
}

#[test]
fn long_reductions_cross_splits() {
    for op in [Sum, Max, ArgMin] {
        check(op, DType::F32, floats(200_000), &Layout::contiguous(&[200_000]), 0);
        check(op, DType::F32, floats(300_000), &Layout::contiguous(&[3, 100_000]), 1);
        check(op, DType::F32, floats(20_000 * 16), &Layout::contiguous(&[20_000, 16]).permute(&[1, 0]), 1);
    }
    check(Sum, DType::F32, floats(1 << 20), &Layout::contiguous(&[1 << 20]), 0);
}

#[test]
fn first_of_equals_and_nan_win() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let rows: [[f32; 6]; 5] = [
        [1.0, 3.0, 3.0, 1.0, 3.0, 1.0],
        [1.0, nan, 9.0, nan, -9.0, 1.0],
        [-inf, -inf, -inf, -inf, -inf, -inf],
        [0.0, inf, -inf, inf, -inf, 2.0],
        [inf, inf, inf, nan, nan, inf],
    ];
    let bits: Vec<u32> = rows.iter().flatten().map(|x| x.to_bits()).collect();
    for op in [Max, Min, ArgMax, ArgMin] {
        check(op, DType::F32, bits.clone(), &Layout::contiguous(&[5, 6]), 1);
    }
    let mut long = floats(10_000);
    (long[7_777], long[9_001]) = (nan.to_bits(), nan.to_bits());
    for op in [Max, Min, ArgMax, ArgMin] {
        check(op, DType::F32, long.clone(), &Layout::contiguous(&[10_000]), 0);
        check(op, DType::U32, vec![3; 10_000], &Layout::contiguous(&[10_000]), 0);
    }
}

#[test]
fn nothing_sums_to_zero_and_multiplies_to_one() {
    let layout = Layout::contiguous(&[3, 0]);
    check(Sum, DType::F32, vec![0], &layout, 1);
    check(Prod, DType::F32, vec![0], &layout, 1);
}

#[test]
fn results_do_not_depend_on_threads() {
    let transposed = Layout::contiguous(&[30_011, 16]).permute(&[1, 0]);
    for (layout, keep) in [(Layout::contiguous(&[480_176]), 0), (transposed, 1)] {
        let kernel = Arc::new(Reduce::new(Sum, Prologue::plain(DType::F32, layout), keep));
        let run = |threads| {
            let cpu = gpu_core::testing::cpu(threads);
            let args = [floats(480_176), vec![0; 16]];
            run_kernel(&cpu, kernel.clone(), &args)
        };
        assert_eq!(run(1), run(3));
    }
}
