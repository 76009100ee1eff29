//! Attention: the CPU twins against f64, and against WGSL.

mod common;

use std::sync::Arc;

use common::attention::{Case, c, heads_inside, room, values, words};
use gpu_core::kernels::{Attention, AttentionGrad};
use gpu_core::testing::{check_twin, run_kernel};
use gpu_core::{DType, Device, GpuFamily, GpuProfile, Kernel, Layout};

impl Case {
    /// Checks one row per invocation, on every device.
    fn check(&self) {
        self.check_with(&self.data(), 2e-6, twin);
    }

    /// Checks tiles of a workgroup, too, which take long to compile.
    fn check_tiles(&self) {
        self.check_with(&self.data(), 2e-6, |kernel, args| {
            let variants = kernel.variants(&GpuProfile::of(GpuFamily::Amd)).map_or(vec![], |v| v.options);
            for (_, variant) in variants {
                check_twin(variant, args, &vec![true; args.len()], 5e-6);
            }
            twin(kernel, args)
        });
    }
}

/// Compares the twins; the CPU's results.
fn twin(kernel: Arc<dyn Kernel>, args: &[Vec<u32>]) -> Vec<Vec<u32>> {
    check_twin(kernel.clone(), args, &vec![true; args.len()], 3e-6);
    run_kernel(&Device::named("cpu").unwrap(), kernel, args)
}

#[test]
fn sizes_agree() {
    for causal in [false, true] {
        for sizes in [[1, 1, 1, 1], [7, 9, 5, 3], [9, 7, 4, 8], [33, 65, 16, 20], [70, 300, 32, 32]] {
            Case::new(&[2], sizes, causal).check();
        }
    }
    Case::new(&[], [40, 50, 8, 8], true).check();
    Case::new(&[3, 2], [5, 6, 100, 72], false).check();
    Case::new(&[1], [5, 6, 4, 132], false).check();
}

/// Tiles of a workgroup: several blocks of both, with all numbers of rows and columns of an invocation.
#[test]
fn blocks_of_rows_agree() {
    Case::new(&[2], [70, 130, 64, 64], true).check_tiles();
    Case::new(&[1], [33, 70, 128, 100], false).check_tiles();
    Case::new(&[7, 28], [65, 40, 24, 16], true).check_tiles();
    Case::new(&[1], [100, 120, 16, 32], [40, 3]).check_tiles();
    Case::new(&[1], [90, 40, 16, 16], [0, 33]).check_tiles();
}

/// Windows within a block and over several, with queries that see no key, and with masks.
#[test]
fn windows_agree() {
    let cases = [
        ([9, 7, 4, 8], [0, 0]),
        ([190, 40, 8, 8], [2, 0]),
        ([40, 190, 5, 3], [0, 150]),
        ([150, 140, 16, 16], [40, 33]),
    ];
    for (sizes, window) in cases {
        Case::new(&[2], sizes, window).check();
    }
    Case::new(&[20], [70, 60, 8, 8], [9, 4]).check();
    Case::new(&[2, 2], [35, 140, 8, 8], [3, 20]).masked(DType::Bool, c(&[2, 2, 35, 140])).check();
}

/// Queries, keys and values as views of one projection `[N, T, 3, H, E]`, as in a transformer.
#[test]
fn views_of_one_projection_are_read_in_place() {
    let (n, t, h, e) = (2, 37, 3, 8);
    let mut case = Case::new(&[n, h], [t, t, e, e], true);
    let part = |i: usize| {
        let whole = c(&[n, t, 3, h, e]).slice(2, i, 1, 1).permute(&[2, 0, 3, 1, 4]);
        Layout::new(whole.shape()[1..].to_vec(), whole.strides()[1..].to_vec(), whole.offset())
    };
    (case.inputs.q, case.inputs.k, case.inputs.v) = (part(0), part(1), part(2));
    case.y = heads_inside(&[n, h, t, e]);
    // The gradients have the same layouts.
    case.gradients = [part(0), part(1), part(2)];
    case.check();
}

#[test]
fn other_strides_are_read_too() {
    let mut case = Case::new(&[2], [9, 35, 6, 10], true);
    let turned = |shape: &[usize]| c(&[shape[0], shape[2], shape[1]]).permute(&[0, 2, 1]);
    case.inputs.q = turned(&[2, 9, 6]);
    case.inputs.k = c(&[2, 35, 12]).slice(2, 11, 6, -2);
    case.inputs.v = turned(&[2, 35, 10]);
    case.y = turned(&[2, 9, 10]);
    case.check();
    // Heads that share keys and values.
    let mut case = Case::new(&[2, 3], [5, 7, 4, 4], false);
    (case.inputs.k, case.inputs.v) =
        (c(&[2, 1, 7, 4]).expand(&[2, 3, 7, 4]), c(&[2, 1, 7, 4]).expand(&[2, 3, 7, 4]));
    case.check();
}

#[test]
fn masks_hide_and_add() {
    for dtype in [DType::Bool, DType::F32] {
        for causal in [false, true] {
            let case = || Case::new(&[2, 2], [35, 140, 8, 8], causal);
            case().masked(dtype, c(&[2, 2, 35, 140])).check();
            case().masked(dtype, c(&[35, 140]).expand(&[2, 2, 35, 140])).check();
            case().masked(dtype, c(&[2, 1, 1, 140]).expand(&[2, 2, 35, 140])).check();
        }
        Case::new(&[1], [40, 70, 16, 32], dtype == DType::Bool).masked(dtype, c(&[1, 40, 70])).check_tiles();
    }
}

#[test]
fn large_scores_do_not_overflow() {
    let mut case = Case::new(&[2], [40, 200, 8, 8], false);
    case.inputs.scale = 30.0;
    let data = case.data();
    let want = case.reference(&data);
    let [q, k, v, _] = &data;
    let args = [words(q), words(k), words(v), vec![0; room(&case.y)], vec![0; 80]];
    let kernel: Arc<dyn Kernel> = Arc::new(Attention::new(&case.inputs, &case.y));
    for device in gpu_core::testing::devices() {
        let y = values(&run_kernel(&device, kernel.clone(), &args)[3]);
        for (got, want) in y.iter().zip(&want.y) {
            assert!((f64::from(*got) - want).abs() < 1e-4, "{got}, not {want}");
        }
    }
}

#[test]
fn not_a_number_is_not_hidden() {
    let case = Case::new(&[1], [3, 2, 16, 16], false);
    let [mut q, k, v, _] = case.data();
    q[20] = f32::NAN;
    let args = [words(&q), words(&k), words(&v), vec![0; 48], vec![0; 3]];
    let kernel: Arc<dyn Kernel> = Arc::new(Attention::new(&case.inputs, &case.y));
    let tiles = kernel.variants(&GpuProfile::of(GpuFamily::Amd)).expect("tiles").options;
    for kernel in std::iter::once(kernel).chain(tiles.into_iter().map(|(_, kernel)| kernel)) {
        for device in gpu_core::testing::devices() {
            let y = values(&run_kernel(&device, kernel.clone(), &args)[3]);
            assert!((0..48).all(|i| y[i].is_nan() == (i / 16 == 1)), "{y:?}");
        }
    }
}

#[test]
fn results_do_not_depend_on_threads() {
    let case = Case::new(&[2], [150, 700, 16, 16], true);
    let [q, k, v, dy] = case.data();
    let on = |threads: usize| {
        let cpu = gpu_core::testing::cpu(threads);
        let run = |kernel: Arc<dyn Kernel>, args: &[Vec<u32>]| run_kernel(&cpu, kernel, args);
        let args = [words(&q), words(&k), words(&v), vec![0; room(&case.y)], vec![0; 300]];
        let forward = run(Arc::new(Attention::new(&case.inputs, &case.y)), &args);
        let stats = [forward[4].clone(), vec![0; 300]].concat();
        let [dq, dk, dv] = &case.gradients;
        let args = [words(&q), words(&k), words(&v), words(&dy), stats, vec![0; room(dv)]];
        let kernel = AttentionGrad::new(&case.inputs, &case.y, [dq, dk, dv]);
        (forward, run(Arc::new(kernel), &args))
    };
    let one = on(1);
    assert_eq!(one, on(2));
    assert_eq!(one, on(5));
}
