//! Matrix products: the CPU twin against f64, and against WGSL.

use std::sync::Arc;

use gpu_core::kernels::MatMul;
use gpu_core::testing::{check_twin, run_kernel};
use gpu_core::{Device, GpuFamily, GpuProfile, Kernel, Layout};

/// Pseudo-random floats between -0.5 and 0.5, as bits.
fn floats(n: usize, seed: u32) -> Vec<u32> {
    let value = |i: u32| {
        let x = (i ^ seed).wrapping_mul(0x85eb_ca6b);
        let x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35) >> 8;
        (x as f32 / (1 << 24) as f32 - 0.5).to_bits()
    };
    (0..n as u32).map(value).collect()
}

fn naive(a: &[u32], la: &Layout, b: &[u32], lb: &Layout) -> Vec<f64> {
    let (r, get) = (la.rank(), |x: u32| f64::from(f32::from_bits(x)));
    let (m, k, n) = (la.shape()[r - 2], la.shape()[r - 1], lb.shape()[r - 1]);
    let batches: usize = la.shape()[..r - 2].iter().product();
    let (la, lb) = (|i| la.position(i), |i| lb.position(i));
    let mut y = vec![0.0; batches * m * n];
    for (o, y) in y.iter_mut().enumerate() {
        let (batch, i, j) = (o / (m * n), o / n % m, o % n);
        let term = |q| get(a[la((batch * m + i) * k + q)]) * get(b[lb((batch * k + q) * n + j)]);
        *y = (0..k).map(term).sum();
    }
    y
}

fn check(la: &Layout, lb: &Layout) {
    let size = |l: &Layout| (0..l.numel()).map(|i| l.position(i) + 1).max().unwrap_or(1);
    let (a, b) = (floats(size(la), 1), floats(size(lb), 77));
    let kernel = Arc::new(MatMul::new(la.clone(), lb.clone()));
    let want = naive(&a, la, &b, lb);
    let k = la.shape()[la.rank() - 1];
    let args = [a, b, vec![7; want.len()]];
    let got = run_kernel(&Device::named("cpu").unwrap(), kernel.clone(), &args);
    let tolerance = 2e-7 * (k as f64).sqrt().max(4.0);
    for (o, (&got, &want)) in got[2].iter().zip(&want).enumerate() {
        let got = f64::from(f32::from_bits(got));
        assert!((got - want).abs() <= tolerance, "{kernel:?}: output {o} is {got}, not {want}");
    }
    check_twin(kernel, &args, &[true; 3], 3e-6);
}

/// Checks every variant that any GPU is offered.
fn check_variants(la: &Layout, lb: &Layout) {
    let size = |l: &Layout| (0..l.numel()).map(|i| l.position(i) + 1).max().unwrap_or(1);
    let want = naive(&floats(size(la), 1), la, &floats(size(lb), 77), lb);
    let args = [floats(size(la), 1), floats(size(lb), 77), vec![7; want.len()]];
    let kernel = MatMul::new(la.clone(), lb.clone());
    let mut seen = vec![];
    for (family, subgroup) in
        [(GpuFamily::Software, Some(8)), (GpuFamily::Software, None), (GpuFamily::Other, None)]
    {
        let variants = kernel.variants(&GpuProfile { family, subgroup, cooperative: None }).unwrap();
        for (name, variant) in variants.options {
            if seen.contains(&name) {
                continue;
            }
            println!("{}: {name}", variants.class);
            check_twin(variant, &args, &[true; 3], 3e-6);
            seen.push(name);
        }
    }
    assert!(seen.len() > 2, "{seen:?}");
}

fn c(shape: &[usize]) -> Layout {
    Layout::contiguous(shape)
}

fn t(shape: &[usize]) -> Layout {
    let mut order: Vec<usize> = (0..shape.len()).collect();
    order.swap(shape.len() - 1, shape.len() - 2);
    let stored: Vec<usize> = order.iter().map(|&d| shape[d]).collect();
    c(&stored).permute(&order)
}

#[test]
fn sizes_and_transposes_agree() {
    for (m, n, k) in
        [(1, 1, 1), (5, 7, 3), (33, 17, 29), (64, 64, 64), (16, 24, 36), (2, 100, 13), (100, 3, 8)]
    {
        for (la, lb) in [
            (c(&[m, k]), c(&[k, n])),
            (t(&[m, k]), c(&[k, n])),
            (c(&[m, k]), t(&[k, n])),
            (t(&[m, k]), t(&[k, n])),
        ] {
            check(&la, &lb);
        }
    }
}

#[test]
fn variants_agree() {
    check_variants(&c(&[70, 40]), &c(&[40, 100]));
    check_variants(&t(&[68, 96]), &c(&[96, 136]));
    check_variants(&c(&[64, 64]), &t(&[64, 64]));
    check_variants(&t(&[33, 37]), &t(&[37, 65]));
    check_variants(&c(&[2, 20, 32]), &c(&[32, 40]).expand(&[2, 32, 40]));
    check_variants(
        &c(&[24, 3, 33]).permute(&[1, 0, 2]),
        &c(&[3, 66, 33]).permute(&[0, 2, 1]).slice(1, 32, 33, -1),
    );
}

/// Few outputs, or few columns.
#[test]
fn variants_of_thin_products_agree() {
    check_variants(&t(&[20, 1003]), &c(&[1003, 24]));
    check_variants(&c(&[300, 24]), &t(&[24, 10]));
    check_variants(&c(&[100, 36]), &c(&[36, 12]));
    check_variants(&c(&[1, 400]), &t(&[400, 70]));
}

#[test]
fn batches_broadcast_and_slices_agree() {
    check(&c(&[3, 2, 5, 8]), &c(&[3, 2, 8, 12]));
    check(&c(&[6, 10, 7]), &c(&[7, 9]).expand(&[6, 7, 9]));
    check(&c(&[10, 7]).expand(&[6, 10, 7]), &c(&[6, 7, 9]));
    check(
        &c(&[4, 3, 8, 4]).permute(&[0, 2, 1, 3]),
        &c(&[4, 3, 8, 4]).permute(&[0, 2, 3, 1]).slice(1, 0, 8, 1),
    );
    check(&c(&[9, 12]).slice(0, 8, 5, -1).slice(1, 11, 12, -1), &c(&[12, 21]).slice(1, 1, 20, 1));
    check(&c(&[1, 1]).expand(&[6, 5]), &c(&[5, 4]));
    check(&c(&[70, 3, 5]), &c(&[70, 5, 6]));
}

#[test]
fn long_inner_dimensions_are_split() {
    check(&t(&[3, 100_003]), &c(&[100_003, 5]));
    check(&c(&[4, 20_000]), &t(&[20_000, 8]));
    check(&c(&[2, 1, 9000]), &c(&[2, 9000, 1]));
}

#[test]
fn tall_products_are_cut() {
    check(&c(&[5000, 9]), &c(&[9, 16]));
    check(&c(&[50, 100, 9]), &c(&[9, 4]).expand(&[50, 9, 4]));
}

#[test]
fn nothing_gives_zeros() {
    check(&c(&[3, 0]), &c(&[0, 4]));
    check(&c(&[0, 3]), &c(&[3, 4]));
}

#[test]
fn results_do_not_depend_on_threads() {
    for (m, n, k) in [(300, 200, 100), (16, 24, 50_000), (5000, 8, 33), (1, 5000, 70), (5000, 1, 300)] {
        let kernel = Arc::new(MatMul::new(c(&[m, k]), c(&[k, n])));
        let run = |threads| {
            let cpu = gpu_core::testing::cpu(threads);
            let args = [floats(m * k, 1), floats(k * n, 2), vec![0; m * n]];
            run_kernel(&cpu, kernel.clone(), &args)[2].clone()
        };
        assert_eq!(run(1), run(3), "{kernel:?}");
    }
}
