//! Variants that may race give the same bits; and the settings that decide whether they race.

use crate::kernels::{
    Conv2d, Conv2dInputGrad, Conv2dShape, Conv2dWeightGrad, Lstm, LstmGrad, MatMul, Prologue, Sequence,
};
use crate::tune::{GpuFamily, GpuProfile, Mode};
use crate::{Access, DType, Device, Kernel, Layout, selftest};

/// The adapter's own profile, and that of a discrete GPU: its variants run everywhere.
fn profiles(device: &Device) -> [GpuProfile; 2] {
    let own = device.gpu_profile().expect("a GPU has a profile");
    [own, GpuProfile { family: GpuFamily::Nvidia, subgroup: None, cooperative: None }]
}

/// Runs all options of both profiles over arguments of `sizes` floats; returns the number of options compared.
fn same_bits(device: &Device, kernel: impl Kernel + 'static, sizes: &[usize]) -> usize {
    let value = |i: u32| (i.wrapping_mul(0x9e37_79b9) >> 8) as f32 / (1 << 23) as f32 - 1.0;
    let noise = |n: usize| (0..n as u32).map(|i| value(i + n as u32).to_bits()).collect();
    let args: Vec<Vec<u32>> = sizes.iter().map(|&n| noise(n)).collect();
    let written: Vec<usize> = (0..sizes.len()).filter(|&i| kernel.access()[i] != Access::Read).collect();
    let mut compared = 0;
    for profile in profiles(device) {
        let options = kernel.variants(&profile).expect("a kernel with variants").options;
        let mut first: Option<Vec<Vec<u32>>> = None;
        for (name, option) in options {
            let got = selftest::run_kernel(device, option, &args).expect("a variant that runs");
            let want = first.get_or_insert_with(|| got.clone());
            for &i in &written {
                let differs = want[i].iter().zip(&got[i]).position(|(want, got)| want != got);
                assert_eq!(differs, None, "{kernel:?} {profile:?}: {name}, argument {i}");
            }
            compared += 1;
        }
    }
    compared
}

fn product(device: &Device, [batches, m, n, k]: [usize; 4], turned: [bool; 2]) -> usize {
    let matrix = |rows, cols, turned: bool| match turned {
        true => Layout::contiguous(&[batches, cols, rows]).permute(&[0, 2, 1]),
        false => Layout::contiguous(&[batches, rows, cols]),
    };
    let product = MatMul::new(matrix(m, k, turned[0]), matrix(k, n, turned[1]));
    same_bits(device, product, &[batches * m * k, batches * k * n, batches * m * n])
}

#[test]
fn products_by_all_variants_are_the_same_to_the_bit() {
    let Ok(device) = Device::named("software") else { return };
    let mut compared = 0;
    // Odd sizes, a K that is split, and transposed operands; then thin products.
    for (size, turned) in [
        ([1, 65, 130, 77], [false, false]),
        ([1, 17, 19, 1100], [true, false]),
        ([1, 130, 70, 260], [false, true]),
        ([2, 20, 24, 40], [false, false]),
        ([1, 3, 200, 33], [false, false]),
        ([1, 64, 5, 300], [false, false]),
    ] {
        compared += product(&device, size, turned);
    }
    assert!(compared > 30, "{compared} variants");
}

#[test]
fn convolutions_by_all_variants_are_the_same_to_the_bit() {
    let Ok(device) = Device::named("software") else { return };
    let plain = Conv2dShape {
        batch: 2,
        in_channels: 6,
        out_channels: 20,
        groups: 1,
        input: [9, 11],
        kernel: [3, 3],
        stride: [1, 1],
        padding: [1, 1],
        dilation: [1, 1],
    };
    let shapes = [
        plain,
        Conv2dShape {
            in_channels: 20,
            out_channels: 66,
            input: [8, 8],
            kernel: [1, 1],
            padding: [0, 0],
            ..plain
        },
        Conv2dShape { in_channels: 17, out_channels: 18, input: [8, 12], stride: [2, 2], ..plain },
    ];
    let mut compared = 0;
    for s in shapes {
        let ([h, w], [oh, ow]) = (s.input, s.output());
        let (x, y) = ([s.batch, s.in_channels, h, w], [s.batch, s.out_channels, oh, ow]);
        let [inputs, outputs]: [usize; 2] = [x, y].map(|shape| shape.iter().product());
        let weights = s.out_channels * s.in_channels / s.groups * s.kernel[0] * s.kernel[1];
        let plain = |shape: &[usize]| Prologue::plain(DType::F32, Layout::contiguous(shape));
        compared += same_bits(&device, Conv2d::new(s, plain(&x)), &[inputs, weights, outputs]);
        compared += same_bits(&device, Conv2dInputGrad::new(s, plain(&y)), &[outputs, weights, inputs]);
        let weight_grad = Conv2dWeightGrad::new(s, plain(&x), plain(&y));
        compared += same_bits(&device, weight_grad, &[inputs, outputs, weights]);
    }
    assert!(compared > 15, "{compared} variants");
}

#[test]
fn recurrent_cells_by_all_variants_are_the_same_to_the_bit() {
    let Ok(device) = Device::named("software") else { return };
    let sequence = Sequence { steps: 3, batch: 11, hidden: 10 };
    let (state, all, weights) = (110, 330, 100);
    let lstm = [4 * weights, 40, state, state, 4 * all, all, all];
    let lstm_grad = [4 * weights, 4 * all, all, all, all, 4 * all, 2 * state];
    let compared = same_bits(&device, Lstm::new(sequence), &lstm)
        + same_bits(&device, LstmGrad::new(sequence, true), &lstm_grad);
    assert!(compared >= 14, "{compared} variants");
}

#[test]
fn the_environment_decides() {
    let mode = |value| Mode::from(value, GpuFamily::Amd);
    assert_eq!(["on", "off", "reset"].map(|value| mode(Some(value))), [Mode::On, Mode::Off, Mode::Reset]);
    let default = if cfg!(debug_assertions) { Mode::Off } else { Mode::On };
    assert_eq!((mode(None), mode(Some("maybe"))), (default, default));
    let software = |value| Mode::from(value, GpuFamily::Software);
    assert_eq!((software(None), software(Some("on"))), (Mode::Off, Mode::On));
}
