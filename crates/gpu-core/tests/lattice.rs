//! Lattices against references in f64 and their differences, and CPU twin against WGSL.

use std::sync::Arc;

use gpu_core::kernels::{Lattice, LatticeGrad};
use gpu_core::testing::{check_twin, run_kernel};
use gpu_core::{Device, Kernel};

/// Irregular numbers between -2 and 2.
fn values(count: usize, seed: u32) -> Vec<f32> {
    let hash =
        |i: u32| (i.wrapping_mul(2_654_435_761) ^ seed.wrapping_mul(40_503)).wrapping_mul(2_246_822_519);
    (0..count as u32).map(|i| (hash(i) >> 8) as f32 / 4_194_304.0 - 2.0).collect()
}

fn words(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// A lattice with its numbers.
struct Problem {
    shape: Lattice,
    e: Vec<f32>,
    w: Vec<f32>,
    lengths: Vec<i32>,
    dalpha: Vec<f32>,
}

impl Problem {
    fn new(shape: Lattice) -> Problem {
        let Lattice { batch, steps, states, arcs, own_weights, .. } = shape;
        let items = if own_weights { batch } else { 1 };
        let mut w = values(items * arcs * states, 2);
        if !shape.best && arcs > 1 {
            // An arc that no path takes; there are others into that state.
            w[arcs * states / 2] = -1e30;
        }
        Problem {
            shape,
            e: values(batch * steps * states, 1),
            w,
            // The first takes all steps, the second one only, the third half of them.
            lengths: (0..batch).map(|i| [steps, 1, steps.div_ceil(2)][i % 3] as i32).collect(),
            dalpha: values(batch * steps * states, 3),
        }
    }

    /// Scores of an item in f64, from the given emissions.
    fn alpha(&self, item: usize, e: &[f64]) -> Vec<f64> {
        let Lattice { steps, states, arcs, band, own_weights, best, .. } = self.shape;
        let w = &self.w[if own_weights { item * arcs * states } else { 0 }..];
        let mut alpha = e[..states].to_vec();
        for t in 1..steps {
            for s in 0..states {
                let from = |k: usize| if band { s.checked_sub(k) } else { Some(k) };
                let before = |p: usize| alpha[(t - 1) * states + p];
                let scores: Vec<f64> =
                    (0..arcs).filter_map(|k| Some(before(from(k)?) + f64::from(w[k * states + s]))).collect();
                let most = scores.iter().copied().fold(f64::MIN, f64::max);
                let sum: f64 = scores.iter().map(|x| (x - most).exp()).sum();
                let joined = if best { most } else { most + sum.ln() };
                let inside = t < self.lengths[item] as usize;
                alpha.push(if inside { e[t * states + s] + joined } else { before(s) });
            }
        }
        alpha
    }

    /// Checks both kernels on every device.
    fn check(&self) {
        let size = self.shape.steps * self.shape.states;
        let none = vec![7; self.e.len()];
        let lengths: Vec<u32> = self.lengths.iter().map(|&l| l as u32).collect();
        let args = [words(&self.e), words(&self.w), lengths.clone(), none.clone(), none.clone()];
        let found = run(self.shape, &args);
        let (alpha, z) = (&found[3], &found[4]);
        let args = [words(&self.w), lengths, words(alpha), words(z), words(&self.dalpha), none];
        let de = run(LatticeGrad(self.shape), &args).pop().unwrap();
        for item in 0..self.shape.batch {
            let e: Vec<f64> = self.e[item * size..][..size].iter().map(|&e| e.into()).collect();
            near("alpha", &alpha[item * size..][..size], &self.alpha(item, &e));
            if size <= 40 {
                near("de", &de[item * size..][..size], &self.slopes(item, &e));
            }
        }
    }

    /// The gradient of an item's emissions by differences.
    fn slopes(&self, item: usize, e: &[f64]) -> Vec<f64> {
        let dalpha = &self.dalpha[item * e.len()..][..e.len()];
        let value = |e: &[f64]| -> f64 {
            self.alpha(item, e).iter().zip(dalpha).map(|(a, d)| a * f64::from(*d)).sum()
        };
        let slope = |i: usize| {
            let moved = |by: f64| {
                let mut e = e.to_vec();
                e[i] += by;
                value(&e)
            };
            (moved(1e-5) - moved(-1e-5)) / 2e-5
        };
        (0..e.len()).map(slope).collect()
    }
}

/// Checks the twins against each other; returns the CPU's results.
fn run(kernel: impl Kernel + 'static, args: &[Vec<u32>]) -> Vec<Vec<f32>> {
    let kernel: Arc<dyn Kernel> = Arc::new(kernel);
    check_twin(kernel.clone(), args, &vec![true; args.len()], 2e-5);
    let words = run_kernel(&Device::named("cpu").unwrap(), kernel, args);
    words.iter().map(|w| w.iter().map(|&w| f32::from_bits(w)).collect()).collect()
}

fn near(name: &str, got: &[f32], want: &[f64]) {
    let scale = want.iter().fold(1f64, |m, w| m.max(w.abs()));
    for (i, (&got, want)) in got.iter().zip(want).enumerate() {
        assert!((f64::from(got) - want).abs() <= 2e-6 * scale, "{name}[{i}]: {got} instead of {want}");
    }
}

fn all(batch: usize, steps: usize, states: usize) -> Lattice {
    Lattice { batch, steps, states, arcs: states, band: false, own_weights: false, best: false }
}

fn band(batch: usize, steps: usize, states: usize, arcs: usize) -> Lattice {
    Lattice { arcs, band: true, own_weights: true, ..all(batch, steps, states) }
}

#[test]
fn sums_and_their_gradients_agree() {
    for shape in [all(1, 1, 1), all(3, 5, 4), all(2, 4, 3), band(3, 6, 5, 3), band(2, 3, 2, 1)] {
        Problem::new(shape).check();
        Problem::new(Lattice { own_weights: !shape.own_weights, ..shape }).check();
    }
}

#[test]
fn best_paths_and_their_gradients_agree() {
    for shape in [all(3, 5, 4), band(3, 6, 5, 3)] {
        Problem::new(Lattice { best: true, ..shape }).check();
    }
}

/// More states than a workgroup has invocations, and more steps than one dispatch takes.
#[test]
fn wide_and_long_lattices_agree() {
    for shape in [band(2, 3, 301, 3), all(1, 3, 270), all(2, 300, 64)] {
        assert!(shape.steps < 100 || shape.shaders().len() > 1);
        Problem::new(shape).check();
    }
}

#[test]
fn nan_is_passed_on() {
    for best in [false, true] {
        let shape = Lattice { best, ..all(1, 2, 2) };
        let (e, w) = (words(&[f32::NAN, 0.0, 0.0, 0.0]), words(&[0.0; 4]));
        let found = run(shape, &[e, w, vec![2], vec![0; 4], vec![0; 4]]);
        assert!(found[3][2].is_nan() && found[3][3].is_nan());
    }
}
