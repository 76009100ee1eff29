//! Products of f16 by cooperative matrices: all variants against f64, where the device has such matrices, and the test that switches them off.

mod common;

use std::sync::Arc;

use common::cooperative::{alone, cooperating, half, halves, with};
use common::noise;
use gpu_core::kernels::{
    Binary, Fused, Halves, Instr, Map, MatMul, Packed, Program, Prologue, Reduce, ReduceOp, Unary,
};
use gpu_core::testing::{self, faults, run_kernel, validate};
use gpu_core::{
    Cooperative, CooperativeState, DType, Device, GpuFamily, GpuProfile, Half, Kernel, Layout, Variants,
};

const FAMILIES: [GpuFamily; 3] = [GpuFamily::Nvidia, GpuFamily::Amd, GpuFamily::Apple];

/// A product of f16 with its arguments.
struct Product {
    kernel: Packed,
    /// The operands in words.
    operands: [Vec<u32>; 2],
    /// The exact product, and how far sums in f32 may be from it.
    want: Vec<f64>,
    bounds: Vec<f64>,
    /// The sums of the rows of the first operand.
    row_sums: Vec<f64>,
}

fn size(layout: &Layout) -> usize {
    (0..layout.numel()).map(|i| layout.position(i) + 1).max().unwrap_or(0)
}

impl Product {
    fn new(a: &Layout, b: &Layout) -> Product {
        Product::of(a, b, &[None])
    }

    /// With the second operand stored as f32, although its values are f16.
    fn partly_packed(a: &Layout, b: &Layout) -> Product {
        let product = Product::new(a, b);
        let (_, values) = halves(&noise(size(b), 2));
        let kernel = Packed::new(Arc::new(MatMul::new(a.clone(), b.clone())), vec![half(size(a))]);
        let kernel = kernel.and_then(|kernel| kernel.of_f16_values(vec![1])).expect("products pack");
        let [a, _] = product.operands;
        let floats = values.iter().map(|&x| (x as f32).to_bits()).collect();
        Product { kernel, operands: [a, floats], ..product }
    }

    /// With the result stored as in `result`.
    fn of(a: &Layout, b: &Layout, result: &[Option<Halves>]) -> Product {
        let [(x, x_values), (y, y_values)] = [(a, 1), (b, 2)].map(|(l, seed)| halves(&noise(size(l), seed)));
        let rank = a.rank();
        let [m, k, n] = [a.shape()[rank - 2], a.shape()[rank - 1], b.shape()[rank - 1]];
        let batches: usize = a.shape()[..rank - 2].iter().product();
        let (mut want, mut bounds) = (vec![], vec![]);
        for at in 0..batches * m * n {
            let (batch, i, j) = (at / (m * n), at / n % m, at % n);
            let term = |q| {
                x_values[a.position((batch * m + i) * k + q)] * y_values[b.position((batch * k + q) * n + j)]
            };
            want.push((0..k).map(term).sum());
            bounds.push(k as f64 * 2f64.powi(-22) * (0..k).map(|q| term(q).abs()).sum::<f64>());
        }
        let row = |i: usize| (0..k).map(|q| x_values[a.position(i * k + q)]).sum();
        let row_sums = (0..m).map(row).collect();
        let product = Arc::new(MatMul::new(a.clone(), b.clone()));
        let stored = [&[half(size(a)), half(size(b))], result].concat();
        let kernel = Packed::new(product, stored).expect("products pack");
        Product { kernel, operands: [x, y], want, bounds, row_sums }
    }

    /// The arguments, with `others` behind the operands.
    fn args(&self, others: &[Vec<u32>]) -> Vec<Vec<u32>> {
        [&self.operands[..], others].concat()
    }

    /// Runs a kernel on results of NaN, and returns the last one's words.
    fn run(&self, device: &Device, kernel: Arc<dyn Kernel>) -> Vec<u32> {
        let others = vec![vec![f32::NAN.to_bits(); self.want.len()]; kernel.access().len() - 2];
        run_kernel(device, kernel, &self.args(&others)).pop().expect("an argument")
    }

    /// Checks the words of the product times `factor` after `code`, which makes no difference larger.
    fn check(&self, name: &str, got: &[u32], factor: f64, code: impl Fn(f64) -> f64) {
        assert_eq!(got.len(), self.want.len());
        for (at, &got) in got.iter().enumerate() {
            let (got, want) = (f64::from(f32::from_bits(got)), code(factor * self.want[at]));
            let right = (got - want).abs() <= factor * self.bounds[at];
            assert!(right, "{} {name}: element {at} is {got}, not {want}", self.kernel.shape());
        }
    }
}

/// The variants of a kernel by cooperative matrices.
fn variants(kernel: &dyn Kernel, cooperative: Cooperative) -> Variants {
    let variants = kernel.variants(&with(cooperative)).expect("products have variants");
    assert!(variants.cooperative && variants.options.len() > 1, "{kernel:?}");
    variants
}

fn dense(shape: &[usize]) -> Layout {
    Layout::contiguous(shape)
}

fn turned(shape: &[usize]) -> Layout {
    let mut order: Vec<usize> = (0..shape.len()).collect();
    order.swap(shape.len() - 1, shape.len() - 2);
    dense(&order.iter().map(|&d| shape[d]).collect::<Vec<_>>()).permute(&order)
}

/// Layouts of all kinds: whole tiles and others, loads by vectors and by elements, several slices and several splits of K, batches, a matrix for
/// all of a batch, and reversed rows.
fn layouts() -> Vec<(Layout, Layout)> {
    let mut all = vec![];
    for [m, n, k] in [[64, 128, 64], [33, 37, 35], [70, 132, 100], [130, 68, 1100]] {
        all.push((dense(&[m, k]), dense(&[k, n])));
        all.push((turned(&[m, k]), dense(&[k, n])));
        all.push((dense(&[m, k]), turned(&[k, n])));
        all.push((turned(&[m, k]), turned(&[k, n])));
    }
    all.push((dense(&[3, 40, 48]), dense(&[3, 48, 36])));
    all.push((dense(&[40, 48]).expand(&[3, 40, 48]), turned(&[3, 48, 36])));
    all.push((
        dense(&[24, 3, 33]).permute(&[1, 0, 2]).permute(&[0, 2, 1]),
        dense(&[3, 66, 24]).permute(&[0, 2, 1]).slice(1, 23, 24, -1),
    ));
    all.retain(|(a, b)| a.shape()[a.rank() - 2..].iter().chain(&b.shape()[b.rank() - 1..]).all(|&n| n >= 32));
    assert!(all.len() > 17, "{}", all.len());
    all
}

#[test]
fn variants_agree_with_f64() {
    let _alone = alone();
    let Some((device, cooperative)) = cooperating() else { return };
    for (i, (a, b)) in layouts().into_iter().enumerate() {
        let product = if i % 3 == 1 { Product::partly_packed(&a, &b) } else { Product::new(&a, &b) };
        let mut options = variants(&product.kernel, cooperative).options;
        // Shaders take seconds to compile: one variant for most layouts, in turn.
        if i % 5 > 0 {
            options = vec![options.swap_remove(i % options.len())];
        }
        let mut bits: Option<Vec<u32>> = None;
        for (name, kernel) in options {
            println!("{}: {name}", product.kernel.shape());
            kernel.shaders().iter().for_each(|shader| validate(&shader.module()));
            let got = product.run(&device, kernel);
            product.check(&name, &got, 1.0, |want| want);
            assert!(*bits.get_or_insert_with(|| got.clone()) == got, "{name} adds in another order");
        }
    }
}

/// Bias and activation behind a product, whose f32 value is kept or not.
#[test]
fn epilogues_agree_with_f64() {
    let _alone = alone();
    let Some((device, cooperative)) = cooperating() else { return };
    for [m, n, k] in [[70, 68, 40], [66, 65, 300]] {
        let product = Product::new(&dense(&[m, k]), &turned(&[k, n]));
        for kept in [false, true] {
            let code = [Instr::Binary(Binary::Add, 0, 0), Instr::Unary(Unary::Abs, 1)];
            let result = [dense(&[m, n])];
            let map = Map::new(Program::new(&[DType::F32], &code), &result, dense(&[m, n]));
            let kernel = Arc::new(product.kernel.clone());
            let fused = Fused::new(kernel, map, vec![Some(0)], vec![kept]).expect("products fuse");
            for (name, kernel) in variants(&fused, cooperative).options.into_iter().take(1) {
                kernel.shaders().iter().for_each(|shader| validate(&shader.module()));
                product.check(&name, &product.run(&device, kernel), 2.0, f64::abs);
            }
        }
    }
}

#[test]
fn results_are_packed() {
    let _alone = alone();
    let Some((device, cooperative)) = cooperating() else { return };
    for result in [Half::F16, Half::BF16] {
        let packs = Some(Halves { half: result, ..half(70 * 68).unwrap() });
        let product = Product::of(&dense(&[70, 40]), &dense(&[40, 68]), &[packs]);
        for (name, kernel) in variants(&product.kernel, cooperative).options.into_iter().take(1) {
            let got = run_kernel(&device, kernel, &product.args(&[vec![0; 70 * 34]])).remove(2);
            for (at, want) in product.want.iter().enumerate() {
                let bits = (got[at / 2] >> (16 * (at % 2))) as u16;
                let (got, step) = match result {
                    Half::F16 => (half::f16::from_bits(bits).to_f64(), 2f64.powi(-11)),
                    Half::BF16 => (half::bf16::from_bits(bits).to_f64(), 2f64.powi(-8)),
                };
                let bound = product.bounds[at] + step * want.abs();
                assert!((got - want).abs() <= bound, "{name}: element {at} is {got}, not {want}");
            }
        }
    }
}

/// Gradients of weights and biases together, in one part of K and in several.
#[test]
fn rows_are_summed() {
    let _alone = alone();
    let Some((device, cooperative)) = cooperating() else { return };
    for [m, n, k] in [[70, 68, 40], [66, 65, 1300]] {
        let a = turned(&[m, k]);
        let product = Product::new(&a, &dense(&[k, n]));
        let stored = gpu_core::kernels::Stored { layout: a.clone(), half: Some(Half::F16) };
        let rows = Prologue::shared(Program::identity(DType::F32), vec![(0, stored)]);
        let sums = Reduce::new(ReduceOp::Sum, rows, 1);
        for (name, kernel) in variants(&product.kernel, cooperative).options {
            let packed = (&*kernel as &dyn std::any::Any).downcast_ref::<Packed>().expect("packed");
            let kernel: Arc<dyn Kernel> = Arc::new(packed.with_row_sums(&sums).expect("tiles sum rows"));
            kernel.shaders().iter().for_each(|shader| validate(&shader.module()));
            let results = [vec![0; m * n], vec![0; m]];
            let got = run_kernel(&device, kernel, &product.args(&results));
            product.check(&name, &got[2], 1.0, |want| want);
            for (row, (&got, want)) in got[3].iter().zip(&product.row_sums).enumerate() {
                let got = f64::from(f32::from_bits(got));
                assert!((got - want).abs() < 1e-4, "{name}: the sum of row {row} is {got}, not {want}");
            }
        }
    }
}

/// On every machine: the shaders for all makers' GPUs are valid, and only products of two f16 are offered.
#[test]
fn only_products_of_f16_are_offered() {
    for family in FAMILIES {
        let profile = GpuProfile::of(family);
        let (a, b) = (turned(&[500, 260]), dense(&[260, 300]));
        let product = Arc::new(MatMul::new(a.clone(), b.clone()));
        let offered = |kernel: &dyn Kernel| kernel.variants(&profile).expect("products have variants");
        assert!(!offered(&*product).cooperative);
        let packed = |halves: &[Option<Halves>]| {
            offered(&Packed::new(product.clone(), halves.to_vec()).expect("products pack"))
        };
        let (x, y) = (half(size(&a)), half(size(&b)));
        let brain = |halves: Option<Halves>| halves.map(|halves| Halves { half: Half::BF16, ..halves });
        for f32_product in
            [packed(&[x, None]), packed(&[None, y]), packed(&[x, brain(y)]), packed(&[brain(x), y])]
        {
            assert!(!f32_product.cooperative, "{}", f32_product.class);
        }
        let both = packed(&[x, y]);
        assert!(both.cooperative && both.options.iter().all(|(name, _)| name.starts_with("cooperative")));
        for (name, kernel) in both.options {
            println!("{family}: {name}");
            kernel.shaders().iter().for_each(|shader| validate(&shader.module()));
        }
        // Thin ones are not worth it.
        let thin = MatMul::new(dense(&[8, 260]), b.clone());
        let thin = Packed::new(Arc::new(thin), vec![half(8 * 260), y]).expect("products pack");
        assert!(!offered(&thin).cooperative);
    }
}

/// Checks the product of a plan on the device, and whether it is computed by cooperative matrices.
fn check_planned(device: &Device, product: &Product, cooperative: bool) {
    let kernel = device.tuned(Arc::new(product.kernel.clone()), &[]);
    assert_eq!(kernel.shaders()[0].module().contains("enable wgpu_cooperative_matrix;"), cooperative);
    product.check("in a plan", &product.run(device, kernel), 1.0, |want| want);
}

#[test]
fn devices_are_tested_and_failing_ones_compute_in_f32() {
    let _alone = alone();
    let Some(device) = testing::gpu() else { return };
    let own = device.gpu_profile().expect("a GPU has a profile");
    let product = Product::new(&dense(&[80, 70]), &dense(&[70, 90]));
    match device.info().cooperative {
        Some(cooperative) => {
            assert_eq!(device.cooperative(), CooperativeState::Tested(cooperative));
            testing::assume(&device, with(cooperative));
            check_planned(&device, &product, true);
            let (_, points) = faults::count(&device, || {
                testing::assume(&device, with(cooperative));
                device.cooperative()
            });
            let wrong = points.iter().position(|point| *point == faults::Point::Test).expect("it is tested");
            let refused = points.iter().position(|point| *point == faults::Point::Pipeline).unwrap();
            for n in [wrong, refused] {
                testing::assume(&device, with(cooperative));
                faults::fail(&device, n, || check_planned(&device, &product, false));
                let state = device.cooperative();
                println!("{state}");
                assert!(
                    matches!(&state, CooperativeState::SwitchedOff(_, why) if why.contains("on purpose")),
                    "{state}"
                );
                assert_eq!(device.gpu_profile().unwrap().cooperative, None);
                check_planned(&device, &product, false);
            }
            // A lack of memory does not switch them off.
            testing::assume(&device, with(cooperative));
            faults::fail(&device, 0, || check_planned(&device, &product, false));
            check_planned(&device, &product, true);
        }
        // A device that has less than its driver says.
        None => {
            assert_eq!(device.cooperative(), CooperativeState::Unavailable);
            let cooperative = Cooperative { size: 16, lanes: 32 };
            testing::assume(&device, with(cooperative));
            check_planned(&device, &product, false);
            let state = device.cooperative();
            println!("{state}");
            assert!(matches!(state, CooperativeState::SwitchedOff(found, _) if found == cooperative));
            check_planned(&device, &product, false);
        }
    }
    testing::assume(&device, own);
}
