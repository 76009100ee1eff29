//! Optimizer steps against a reference in f64, and CPU twin against WGSL.

use std::sync::Arc;

use gpu_core::kernels::{AdamStep, Halves, Packed, SgdStep};
use gpu_core::testing::{check_twin, devices, run_kernel};
use gpu_core::{Device, Half, Kernel};

fn words(values: &[f64]) -> Vec<u32> {
    values.iter().map(|&v| (v as f32).to_bits()).collect()
}

fn values(count: usize, seed: f64) -> Vec<f64> {
    (0..count).map(|i| f64::from(((i as f64 * 0.7 + seed).sin() * 1.5) as f32)).collect()
}

/// Runs the kernel on both devices and compares the states with `expected`.
fn check(kernel: Arc<dyn Kernel>, args: &[Vec<u32>], expected: &[Vec<f64>]) {
    let cpu = run_kernel(&Device::named("cpu").unwrap(), kernel.clone(), args);
    for (got, want) in cpu[3..].iter().zip(expected) {
        for (got, want) in got.iter().zip(want) {
            let got = f64::from(f32::from_bits(*got));
            assert!((got - want).abs() <= 2e-6 * want.abs().max(0.1), "{kernel:?}: {got} instead of {want}");
        }
    }
    check_twin(kernel, args, &vec![true; args.len()], 1e-6);
}

fn sgd(kernel: SgdStep, hyper: [f64; 6], g: f64, p: f64, v: f64) -> [f64; 2] {
    let [lr, momentum, dampening, decay, first, factor] = hyper;
    let g = factor * if kernel.maximize { -g } else { g } + decay * p;
    if !kernel.momentum {
        return [p - lr * g, v];
    }
    let v = if first == 1.0 { g } else { momentum * v + (1.0 - dampening) * g };
    [p - lr * if kernel.nesterov { g + momentum * v } else { v }, v]
}

#[test]
fn sgd_follows_the_formula() {
    for count in [1, 37, 20_000] {
        for flags in 0..16 {
            let [momentum, nesterov, maximize, first] = [1, 2, 4, 8].map(|bit| flags & bit != 0);
            let kernel = SgdStep { count, momentum, nesterov, maximize, copies: false };
            let dampening = if nesterov { 0.0 } else { 0.25 };
            let hyper = [0.125, 0.75, dampening, 0.0625, f64::from(u8::from(first)), 0.625];
            let (g, p, v) = (values(count, 0.1), values(count, 0.2), values(count, 0.3));
            let next: Vec<_> = (0..count).map(|i| sgd(kernel, hyper, g[i], p[i], v[i])).collect();
            let mut args = vec![words(&hyper), vec![1], words(&g), words(&p)];
            if momentum {
                // The first step ignores the contents of the velocity.
                args.push(if first { vec![f32::NAN.to_bits(); count] } else { words(&v) });
            }
            let expected: Vec<Vec<f64>> = (0..2).map(|k| next.iter().map(|n| n[k]).collect()).collect();
            check(Arc::new(kernel), &args, &expected);
        }
    }
}

fn adam(kernel: AdamStep, hyper: [f64; 8], g: f64, state: [f64; 4]) -> [f64; 4] {
    let ([lr, beta1, beta2, eps, decay, c1, c2, factor], [mut p, mut m, mut v, mut w]) = (hyper, state);
    let mut g = factor * if kernel.maximize { -g } else { g };
    if kernel.decoupled {
        p *= 1.0 - lr * decay;
    } else {
        g += decay * p;
    }
    m = beta1 * m + (1.0 - beta1) * g;
    v = beta2 * v + (1.0 - beta2) * g * g;
    w = w.max(v);
    let second = if kernel.amsgrad { w } else { v };
    p -= lr / c1 * m / (second.sqrt() / c2 + eps);
    [p, m, v, w]
}

#[test]
fn adam_follows_the_formula() {
    for count in [3, 20_000] {
        for flags in 0..8 {
            let [amsgrad, decoupled, maximize] = [1, 2, 4].map(|bit| flags & bit != 0);
            let kernel = AdamStep { count, amsgrad, decoupled, maximize, copies: false };
            let (beta1, beta2) = (0.875, 0.96875f64);
            let hyper = [0.0625, beta1, beta2, 1.0 / 1024.0, 0.125, 1.0 - beta1.powi(3), 0.3, 0.625];
            let squares = |seed| values(count, seed).iter().map(|v| v * v).collect::<Vec<_>>();
            let (g, p, m) = (values(count, 0.1), values(count, 0.2), values(count, 0.3));
            let (v, w) = (squares(0.4), squares(0.5));
            let next: Vec<_> =
                (0..count).map(|i| adam(kernel, hyper, g[i], [p[i], m[i], v[i], w[i]])).collect();
            let mut args = vec![words(&hyper), vec![1], words(&g), words(&p), words(&m), words(&v)];
            if amsgrad {
                args.push(words(&w));
            }
            let expected: Vec<Vec<f64>> = (0..4).map(|k| next.iter().map(|n| n[k]).collect()).collect();
            check(Arc::new(kernel), &args, &expected);
        }
    }
}

/// The copy is that of the new parameters, and of the old ones if nothing changes, also packed.
#[test]
fn copies_are_the_parameters() {
    let count = 20_000;
    let state: Vec<f64> = values(count, 0.2).into_iter().map(|v| v.abs()).collect();
    for ok in [0, 1] {
        let mut args = vec![words(&[0.1; 8]), vec![ok], words(&values(count, 0.1))];
        args.extend([words(&state), words(&state), words(&state)]);
        let adam = AdamStep { count, amsgrad: false, decoupled: true, maximize: false, copies: true };
        copied(Arc::new(adam), &args);
        args.truncate(5);
        copied(
            Arc::new(SgdStep { count, momentum: true, nesterov: true, maximize: false, copies: true }),
            &args,
        );
    }
}

fn copied(kernel: Arc<dyn Kernel>, args: &[Vec<u32>]) {
    let count = args[3].len();
    let at = args.len();
    let halves = Halves { half: Half::BF16, count, touched: count };
    let stored: Vec<Option<Halves>> = (0..=at).map(|a| (a == at).then_some(halves)).collect();
    let packed: Arc<dyn Kernel> = Arc::new(Packed::new(kernel.clone(), stored).unwrap());
    for device in devices() {
        let of = |kernel: &Arc<dyn Kernel>, words: usize| {
            let args: Vec<Vec<u32>> = args.iter().cloned().chain([vec![0; words]]).collect();
            run_kernel(&device, kernel.clone(), &args)
        };
        let (plain, packed) = (of(&kernel, count), of(&packed, count / 2));
        assert_eq!(plain[3], plain[at], "{}", device.info());
        assert_eq!(plain[3], packed[3], "{}", device.info());
        let rounded = |w: &u32| half::bf16::from_f32(f32::from_bits(*w)).to_bits();
        let halves: Vec<u16> = packed[at].iter().flat_map(|w| [*w as u16, (w >> 16) as u16]).collect();
        assert_eq!(halves, plain[3].iter().map(rounded).collect::<Vec<_>>(), "{}", device.info());
    }
}

#[test]
fn nothing_changes_without_ok() {
    let count = 9;
    let state: Vec<f64> = values(count, 0.2);
    let nan = vec![f32::NAN.to_bits(); count];
    let mut args = vec![words(&[0.1; 8]), vec![0], nan, words(&state), words(&state), words(&state)];
    let adam = AdamStep { count, amsgrad: false, decoupled: true, maximize: false, copies: false };
    check(Arc::new(adam), &args, &[state.clone(), state.clone(), state.clone()]);
    args.truncate(5);
    let sgd = SgdStep { count, momentum: true, nesterov: true, maximize: false, copies: false };
    check(Arc::new(sgd), &args, &[state.clone(), state]);
}
