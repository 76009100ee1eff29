//! Packed halves: rounding, writing and reading them, equal to the bit on the CPU and in WGSL, and to the `half` crate.

use std::sync::Arc;

use gpu_core::kernels::{
    Binary, ChannelMoments, Instr, Map, Program, Prologue, Reduce, ReduceOp, Stored, Unary,
};
use gpu_core::testing::{check_twin, run_kernel};
use gpu_core::{DType, Device, Half, Layout};

const BOTH: [Half; 2] = [Half::F16, Half::BF16];

/// The nearest half as the `half` crate has it: its bits, and those of its value.
fn nearest(half: Half, x: f32) -> (u16, u32) {
    match half {
        Half::F16 => {
            (half::f16::from_f32_const(x).to_bits(), half::f16::from_f32_const(x).to_f32().to_bits())
        }
        Half::BF16 => {
            (half::bf16::from_f32_const(x).to_bits(), half::bf16::from_f32_const(x).to_f32().to_bits())
        }
    }
}

/// Values of all kinds: halves, ties between them and their neighbours, subnormal ones, and values that overflow.
fn values(count: usize) -> Vec<f32> {
    let mut found =
        vec![0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, 65504.0, 65519.99, 65520.0, -1e9, 3e38, 1e-8];
    found.extend((0..64).map(|k| (2 * k + 1) as f32 * 2f32.powi(-25)));
    found.extend((0..64).map(|k| 1.0 + (2 * k + 1) as f32 * 2f32.powi(-12)));
    found.extend((0..64).map(|k| 1.0 + (2 * k + 1) as f32 * 2f32.powi(-9)));
    found.extend(
        (0u32..).map(|i| f32::from_bits(i.wrapping_mul(0x9e37_79b9))).filter(|x| x.is_normal()).take(count),
    );
    found.truncate(count);
    found
}

fn words(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// Values packed two to a word, the first one in the lower half.
fn packed(half: Half, values: &[f32]) -> Vec<u32> {
    let of = |x: f32| u32::from(nearest(half, x).0);
    values.chunks(2).map(|pair| of(pair[0]) | pair.get(1).map_or(0, |&x| of(x) << 16)).collect()
}

fn stored(layout: Layout, half: Option<Half>) -> Stored {
    Stored { layout, half }
}

fn cpu() -> Device {
    Device::named("cpu").unwrap()
}

#[test]
fn rounding_is_the_same_everywhere() {
    for half in BOTH {
        let x = values(6000);
        let program = Program::new(&[DType::F32], &[Instr::Unary(Unary::AsHalf(half), 0)]);
        let layout = Layout::contiguous(&[x.len()]);
        let kernel = Arc::new(Map::new(program, std::slice::from_ref(&layout), layout.clone()));
        let args = [words(&x), vec![0; x.len()]];
        check_twin(kernel.clone(), &args, &[false; 2], 0.0);
        let got = run_kernel(&cpu(), kernel, &args);
        let want: Vec<u32> = x.iter().map(|&x| nearest(half, x).1).collect();
        assert_eq!(got[1], want, "{half}");
    }
}

/// All halves; NaN on the CPU only, because GPUs need not keep its bits.
#[test]
fn every_half_is_read_and_written_back() {
    for half in BOTH {
        let bits: Vec<u32> = (0..32768u32).map(|i| (2 * i) | ((2 * i + 1) << 16)).collect();
        let layout = Layout::contiguous(&[65536]);
        let identity = || Program::identity(DType::F32);
        let input = || vec![(0, stored(layout.clone(), Some(half)))];
        let read = Arc::new(Map::fused(identity(), input(), vec![layout.clone().into()]));
        let got = run_kernel(&cpu(), read.clone(), &[bits.clone(), vec![0; 65536]]);
        for (i, &word) in got[1].iter().enumerate() {
            let want = match half {
                Half::F16 => half::f16::from_bits(i as u16).to_f32(),
                Half::BF16 => half::bf16::from_bits(i as u16).to_f32(),
            };
            assert_eq!(word, want.to_bits(), "{half} {i:#x}");
        }
        let numbers: Vec<u32> = bits.iter().map(|&pair| if is_nan(half, pair) { 0 } else { pair }).collect();
        check_twin(read, &[numbers.clone(), vec![0; 65536]], &[false; 2], 0.0);
        let there_and_back = Map::fused(identity(), input(), vec![stored(layout.clone(), Some(half))]);
        let args = [numbers.clone(), vec![7; 32768]];
        check_twin(Arc::new(there_and_back.clone()), &args, &[false; 2], 0.0);
        assert_eq!(run_kernel(&cpu(), Arc::new(there_and_back), &args)[1], numbers, "{half}");
    }
}

/// Whether either of a pair is.
fn is_nan(half: Half, pair: u32) -> bool {
    let infinity = if half == Half::F16 { 0x7c00 } else { 0x7f80 };
    [pair, pair >> 16].iter().any(|bits| bits & 0x7fff > infinity)
}

#[test]
fn packing_an_odd_number_beside_words() {
    for half in BOTH {
        let x = values(2501);
        // x and -x: one packed, the other as it is, and shifted.
        let program = Program::with_outputs(&[DType::F32], &[Instr::Unary(Unary::Neg, 0)], &[0, 1]);
        let layout = Layout::contiguous(&[x.len()]);
        let behind = Layout::new(vec![x.len()], vec![1], 3);
        let outputs = vec![stored(layout.clone(), Some(half)), behind.into()];
        let kernel = Arc::new(Map::fused(program, vec![(0, layout.into())], outputs));
        let args = [words(&x), vec![0; x.len().div_ceil(2)], vec![0; x.len() + 3]];
        check_twin(kernel.clone(), &args, &[false; 3], 0.0);
        let got = run_kernel(&cpu(), kernel, &args);
        assert_eq!(got[1], packed(half, &x), "{half}");
        assert!(got[2][3..].iter().zip(&x).all(|(got, x)| *got == (-x).to_bits()), "{half}");
    }
}

#[test]
fn packed_inputs_are_read_through_any_layout() {
    for half in BOTH {
        let x: Vec<f32> = (0..5 * 7 * 9).map(|i| i as f32 * 0.25 - 30.0).collect();
        let row: Vec<f32> = (0..9).map(|i| i as f32).collect();
        let image = Layout::contiguous(&[5, 7, 9]);
        let turned = image.permute(&[1, 0, 2]).slice(2, 8, 9, -1).slice(0, 1, 5, 1);
        let wide = Layout::contiguous(&[9]).expand(&[5, 5, 9]);
        let program = Program::new(&[DType::F32; 2], &[Instr::Binary(Binary::Sub, 0, 1)]);
        let inputs = vec![(0, stored(turned.clone(), Some(half))), (1, stored(wide, Some(half)))];
        let kernel = Arc::new(Map::fused(program, inputs, vec![Layout::contiguous(&[5, 5, 9]).into()]));
        let args = [packed(half, &x), packed(half, &row), vec![0; 225]];
        check_twin(kernel.clone(), &args, &[false; 3], 0.0);
        let got = run_kernel(&cpu(), kernel, &args);
        for (i, &got) in got[2].iter().enumerate() {
            let a = f32::from_bits(nearest(half, x[turned.position(i)]).1);
            assert_eq!(f32::from_bits(got), a - row[i % 9], "{half} element {i}");
        }
    }
}

#[test]
fn reductions_read_packed_operands() {
    for half in BOTH {
        let x: Vec<f32> = (0..64 * 96).map(|i| ((i * 37) % 101) as f32 / 8.0).collect();
        let operand = || {
            let input = (0, stored(Layout::contiguous(&[64, 96]), Some(half)));
            Prologue::shared(Program::identity(DType::F32), vec![input])
        };
        for (op, float) in [(ReduceOp::Sum, true), (ReduceOp::Max, true), (ReduceOp::ArgMax, false)] {
            let kernel = Arc::new(Reduce::new(op, operand(), 1));
            let args = [packed(half, &x), vec![0; 64]];
            check_twin(kernel.clone(), &args, &[false, float], 1e-6);
            let got = run_kernel(&cpu(), kernel, &args);
            for (got, row) in got[1].iter().zip(x.chunks(96)) {
                let row: Vec<f64> =
                    row.iter().map(|&x| f64::from(f32::from_bits(nearest(half, x).1))).collect();
                let most = row.iter().copied().fold(f64::MIN, f64::max);
                match op {
                    ReduceOp::Sum => {
                        assert!((f64::from(f32::from_bits(*got)) - row.iter().sum::<f64>()).abs() < 1e-3)
                    }
                    ReduceOp::Max => assert_eq!(f64::from(f32::from_bits(*got)), most),
                    _ => assert_eq!(row[*got as usize], most),
                }
            }
        }
    }
}

/// Four neighbouring elements at a time, and single ones where a plane is no multiple of 4.
#[test]
fn moments_read_packed_operands() {
    for half in BOTH {
        for spatial in [64, 49] {
            let (batch, channels) = (6, 8);
            let count = batch * channels * spatial;
            let x: Vec<f32> = (0..count).map(|i| ((i * 29) % 67) as f32 / 16.0 - 2.0).collect();
            let layout = stored(Layout::contiguous(&[batch, channels, spatial]), Some(half));
            let x_operand = Prologue::shared(Program::identity(DType::F32), vec![(0, layout)]);
            let kernel = ChannelMoments { batch, channels, spatial, x: x_operand };
            let args = [packed(half, &x), vec![0; channels], vec![0; channels]];
            check_twin(Arc::new(kernel), &args, &[false, true, true], 1e-5);
        }
    }
}
