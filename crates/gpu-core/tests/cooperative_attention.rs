//! Attention of f16 by cooperative matrices, and its gradients, against f64, where the device has such matrices.

mod common;

use std::sync::Arc;

use common::attention::{Case, c, heads_inside};
use common::cooperative::{alone, cooperating, half, halves, with};
use gpu_core::kernels::{Attention, AttentionGrad, Halves, Packed};
use gpu_core::testing::{run_kernel, validate};
use gpu_core::{Cooperative, DType, Device, GpuFamily, GpuProfile, Kernel, Layout};

/// A kernel of attention with its operands as f16, but for those of which `unpacked` has the number.
fn packed(kernel: Arc<dyn Kernel>, args: &[Vec<u32>], unpacked: Option<usize>) -> Packed {
    let operands = if kernel.name() == "attention" { 3 } else { 4 };
    let stored = |a: usize| if Some(a) == unpacked { None } else { half(args[a].len()) };
    let packed = Packed::new(kernel, (0..operands).map(stored).collect()).expect("attention packs");
    packed.of_f16_values(unpacked.into_iter().collect()).expect("all operands are f16")
}

/// Runs the kernels on f16 by cooperative matrices, except for the statistics.
fn run(
    (device, cooperative): &(Device, Cooperative),
    unpacked: Option<usize>,
    kernel: Arc<dyn Kernel>,
    args: &[Vec<u32>],
) -> Vec<Vec<u32>> {
    if kernel.name() == "attention_stats" {
        return run_kernel(&Device::named("cpu").unwrap(), kernel, args);
    }
    let packed = packed(kernel, args, unpacked);
    let variants = packed.variants(&with(*cooperative)).expect("attention has variants");
    assert!(variants.cooperative, "{}", variants.class);
    let mut stored = args.to_vec();
    for a in (0..args.len()).filter(|&a| a < if packed.name() == "attention" { 3 } else { 4 }) {
        if Some(a) != unpacked {
            stored[a] = halves(&common::attention::values(&args[a])).0;
        }
    }
    let mut results = vec![];
    for (name, kernel) in variants.options {
        println!("{}: {name}", variants.class);
        kernel.shaders().iter().for_each(|shader| validate(&shader.module()));
        results = run_kernel(device, kernel, &stored);
    }
    results
}

fn check_values(case: &Case, unpacked: Option<usize>, scale: f32) {
    let _alone = alone();
    let Some(adapter) = cooperating() else { return };
    let data = case.data().map(|values| {
        let scaled: Vec<f32> = values.iter().map(|x| x * scale).collect();
        halves(&scaled).1.into_iter().map(|x| x as f32).collect()
    });
    // Exponentials of large scores have their rounding errors.
    let tolerance = 4e-6 * f64::from(case.inputs.scale.max(1.0));
    case.check_with(&data, tolerance, |kernel, args| run(&adapter, unpacked, kernel, args));
}

fn check(case: &Case) {
    check_values(case, None, 1.0);
}

#[test]
fn sizes_agree_with_f64() {
    check(&Case::new(&[2], [17, 16, 20, 33], false));
    check(&Case::new(&[1], [20, 33, 32, 32], true));
    check(&Case::new(&[3, 2], [65, 40, 16, 16], true));
}

#[test]
fn windows_agree_with_f64() {
    check(&Case::new(&[2], [80, 90, 16, 16], [20, 3]));
}

#[test]
fn masks_hide_and_add() {
    for dtype in [DType::Bool, DType::F32] {
        check(&Case::new(&[2], [40, 70, 16, 32], dtype == DType::Bool).masked(dtype, c(&[2, 40, 70])));
    }
}

/// Weights outgrow their unit from block to block, and sums are scaled; small values keep their digits.
#[test]
fn units_follow_the_weights() {
    let mut case = Case::new(&[1], [40, 200, 16, 16], false);
    case.inputs.scale = 12.0;
    check(&case);
    check_values(&Case::new(&[1], [40, 40, 16, 16], false), None, 1e-2);
    check_values(&Case::new(&[1], [40, 40, 16, 16], false), None, 2.0);
}

#[test]
fn operands_are_read_in_place() {
    let (n, t, h, e) = (2, 37, 3, 16);
    let mut case = Case::new(&[n, h], [t, t, e, e], true);
    let part = |i: usize| {
        let whole = c(&[n, t, 3, h, e]).slice(2, i, 1, 1).permute(&[2, 0, 3, 1, 4]);
        Layout::new(whole.shape()[1..].to_vec(), whole.strides()[1..].to_vec(), whole.offset())
    };
    (case.inputs.q, case.inputs.k, case.inputs.v) = (part(0), part(1), part(2));
    case.y = heads_inside(&[n, h, t, e]);
    case.gradients = [part(0), part(1), part(2)];
    check(&case);

    let mut case = Case::new(&[2], [19, 35, 16, 18], true);
    let turned = |shape: &[usize]| c(&[shape[0], shape[2], shape[1]]).permute(&[0, 2, 1]);
    case.inputs.q = turned(&[2, 19, 16]);
    case.inputs.k = c(&[2, 35, 40]).slice(2, 33, 16, -2);
    case.inputs.v = turned(&[2, 35, 18]);
    case.y = turned(&[2, 19, 18]);
    for unpacked in [Some(0), Some(2)] {
        check_values(&case, unpacked, 1.0);
    }
}

/// Rows of 128 columns: the forward pass only.
#[test]
fn wide_rows_have_a_forward_pass() {
    let case = Case::new(&[1], [20, 20, 128, 100], false);
    let _alone = alone();
    let Some(adapter) = cooperating() else { return };
    let data = case.data().map(|values| halves(&values).1.into_iter().map(|x| x as f32).collect());
    case.check_with(&data, 4e-6, |kernel, args| match kernel.name() {
        "attention" => run(&adapter, None, kernel, args),
        _ => run_kernel(&Device::named("cpu").unwrap(), kernel, args),
    });
}

/// On every machine: the shaders for matrices of all sizes are valid, and only for operands of f16.
#[test]
fn only_attention_of_f16_is_offered() {
    let case = Case::new(&[2], [70, 130, 64, 64], true);
    let [q, k, v, dy] = case.data().map(|x| half(x.len()));
    let forward: Arc<dyn Kernel> = Arc::new(Attention::new(&case.inputs, &case.y));
    let [dq, dk, dv] = &case.gradients;
    let gradient: Arc<dyn Kernel> = Arc::new(AttentionGrad::new(&case.inputs, &case.y, [dq, dk, dv]));
    let others = [[16, 64], [8, 32], [8, 8]].map(|[size, lanes]| with(Cooperative { size, lanes }));
    for profile in [GpuProfile::of(GpuFamily::Nvidia)].iter().chain(&others) {
        let offered = |kernel: &Arc<dyn Kernel>, halves: &[Option<Halves>]| {
            let packed = Packed::new(kernel.clone(), halves.to_vec()).expect("attention packs");
            packed.variants(profile).expect("attention has variants")
        };
        assert!(!offered(&forward, &[q, None, v]).cooperative);
        assert!(!offered(&gradient, &[q, k, v]).cooperative);
        for variants in [offered(&forward, &[q, k, v]), offered(&gradient, &[q, k, v, dy])] {
            assert!(variants.cooperative, "{}", variants.class);
            for (_, kernel) in variants.options {
                kernel.shaders().iter().for_each(|shader| validate(&shader.module()));
            }
        }
    }
}
