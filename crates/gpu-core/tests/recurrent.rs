//! Recurrent cells against references in f64 and their differences, and CPU twin against WGSL.

use std::sync::Arc;

use gpu_core::kernels::{Gru, GruGrad, Lstm, LstmGrad, Rnn, RnnGrad, Sequence};
use gpu_core::testing::{check_twin, run_kernel};

use gpu_core::{Device, GpuFamily, GpuProfile, Kernel};

/// Of one unit, one row, odd sizes, and more rows and columns than a tile.
const SIZES: [Sequence; 4] = [
    Sequence { steps: 1, batch: 1, hidden: 1 },
    Sequence { steps: 4, batch: 1, hidden: 5 },
    Sequence { steps: 3, batch: 3, hidden: 8 },
    Sequence { steps: 2, batch: 9, hidden: 34 },
];

/// Irregular numbers within the given bound.
fn values(count: usize, bound: f32, seed: u32) -> Vec<f32> {
    let hash =
        |i: u32| (i.wrapping_mul(2_654_435_761) ^ seed.wrapping_mul(40_503)).wrapping_mul(2_246_822_519);
    (0..count as u32).map(|i| ((hash(i) >> 8) as f32 / 8_388_608.0 - 1.0) * bound).collect()
}

fn words(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// Checks the twins against each other; returns the CPU's results.
fn run(kernel: impl Kernel + 'static, args: &[Vec<u32>]) -> Vec<Vec<f32>> {
    let kernel: Arc<dyn Kernel> = Arc::new(kernel);
    check_twin(kernel.clone(), args, &vec![true; args.len()], 2e-5);
    let software = GpuProfile { family: GpuFamily::Software, subgroup: None, cooperative: None };
    for (_, tiled) in kernel.variants(&software).expect("tiles of several rows").options {
        check_twin(tiled, args, &vec![true; args.len()], 2e-5);
    }
    let words = run_kernel(&Device::named("cpu").unwrap(), kernel, args);
    words.iter().map(|w| w.iter().map(|&w| f32::from_bits(w)).collect()).collect()
}

fn near(name: &str, got: &[f32], want: &[f64]) {
    assert_eq!(got.len(), want.len());
    let scale = want.iter().fold(1e-3f64, |m, w| m.max(w.abs()));
    for (i, (&got, want)) in got.iter().zip(want).enumerate() {
        assert!((f64::from(got) - want).abs() <= 1e-5 * scale, "{name}[{i}]: {got} instead of {want}");
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Cell {
    Lstm,
    Gru,
    Tanh,
    Relu,
}

/// A problem: the inputs of all cells, as f64.
#[derive(Clone)]
struct Problem {
    cell: Cell,
    s: Sequence,
    w: Vec<f64>,
    bias: Vec<f64>,
    /// Products with the inputs, `[T, N, gates H]`.
    a: Vec<f64>,
    /// The term added to the product that a GRU resets, `[T, N, H]`.
    m: Vec<f64>,
    h0: Vec<f64>,
    c0: Vec<f64>,
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

impl Problem {
    fn new(cell: Cell, s: Sequence) -> Problem {
        let gates = match cell {
            Cell::Lstm => 4,
            Cell::Gru => 3,
            _ => 1,
        };
        let biases = if cell == Cell::Gru { 4 } else { gates };
        let (h, state) = (s.hidden, s.batch * s.hidden);
        let draw = |count, bound, seed| values(count, bound, seed).into_iter().map(f64::from).collect();
        Problem {
            cell,
            s,
            w: draw(gates * h * h, 1.5 / (h as f32).sqrt(), 1),
            bias: draw(biases * h, 0.5, 2),
            a: draw(s.steps * state * gates, 1.5, 3),
            m: vec![0.0; s.steps * state],
            h0: draw(state, 1.0, 4),
            c0: draw(state, 1.0, 5),
        }
    }

    /// States and cells of all steps.
    fn forward(&self) -> (Vec<f64>, Vec<f64>) {
        let (hidden, gates) = (self.s.hidden, self.w.len() / self.s.hidden / self.s.hidden);
        let (mut h, mut c) = (self.h0.clone(), self.c0.clone());
        let (mut y, mut cells) = (vec![], vec![]);
        for t in 0..self.s.steps {
            let mut next = vec![];
            for row in 0..self.s.batch {
                for j in 0..hidden {
                    let before = row * hidden + j;
                    let a = |g: usize| {
                        let at = (t * self.s.batch + row) * gates * hidden + g * hidden + j;
                        self.a[at] + self.bias[g * hidden + j]
                    };
                    let b = |g: usize| -> f64 {
                        let w = &self.w[(g * hidden + j) * hidden..][..hidden];
                        w.iter().zip(&h[row * hidden..]).map(|(w, h)| w * h).sum()
                    };
                    next.push(match self.cell {
                        Cell::Lstm => {
                            let cell = sigmoid(a(1) + b(1)) * c[before]
                                + sigmoid(a(0) + b(0)) * (a(2) + b(2)).tanh();
                            c[before] = cell;
                            sigmoid(a(3) + b(3)) * cell.tanh()
                        }
                        Cell::Gru => {
                            let (r, z) = (sigmoid(a(0) + b(0)), sigmoid(a(1) + b(1)));
                            let m = b(2) + self.bias[3 * hidden + j] + self.m[t * h.len() + before];
                            (1.0 - z) * (a(2) + r * m).tanh() + z * h[before]
                        }
                        Cell::Tanh => (a(0) + b(0)).tanh(),
                        Cell::Relu => (a(0) + b(0)).max(0.0),
                    });
                }
            }
            h = next;
            y.extend_from_slice(&h);
            cells.extend_from_slice(&c);
        }
        (y, cells)
    }

    /// The gradient of `<y, dy> + <cells, dcells>` with respect to a part, by differences.
    fn slope(&self, dy: &[f32], dcells: &[f32], part: impl Fn(&mut Problem) -> &mut Vec<f64>) -> Vec<f64> {
        let mut moved = self.clone();
        let count = part(&mut moved).len();
        let mut value = |i: usize, step: f64| {
            part(&mut moved)[i] += step;
            let (y, cells) = moved.forward();
            part(&mut moved)[i] -= step;
            let dot = |a: &[f64], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * f64::from(*b)).sum::<f64>();
            dot(&y, dy) + dot(&cells, dcells)
        };
        (0..count).map(|i| (value(i, 1e-5) - value(i, -1e-5)) / 2e-5).collect()
    }

    fn words(values: &[f64]) -> Vec<u32> {
        values.iter().map(|&v| (v as f32).to_bits()).collect()
    }

    fn dy(&self) -> Vec<f32> {
        values(self.m.len(), 1.0, 6)
    }
}

#[test]
fn lstm_follows_the_formula() {
    for s in SIZES {
        let p = Problem::new(Cell::Lstm, s);
        let (y, cells) = p.forward();
        let [w, bias, h0, c0, a] = [&p.w, &p.bias, &p.h0, &p.c0, &p.a].map(|v| Problem::words(v));
        let state = vec![0u32; p.m.len()];
        let out = run(Lstm::new(s), &[w.clone(), bias, h0, c0, a, state.clone(), state]);
        near("y", &out[6], &y);
        near("cells", &out[5], &cells);

        let (gates, cells, dy) = (words(&out[4]), words(&out[5]), p.dy());
        for dcells in [vec![], values(dy.len(), 1.0, 7)] {
            let with = !dcells.is_empty();
            let mut args = vec![w.clone(), gates.clone(), cells.clone(), words(&dy)];
            args.extend(with.then(|| words(&dcells)));
            args.extend([vec![0; gates.len()], vec![0; 2 * p.h0.len()]]);
            let out = run(LstmGrad::new(s, with), &args);
            let [dgates, dstates] = &out[out.len() - 2..] else { unreachable!() };
            near("dgates", dgates, &p.slope(&dy, &dcells, |p| &mut p.a));
            let (dh0, dc0) = dstates.split_at(p.h0.len());
            near("dh0", dh0, &p.slope(&dy, &dcells, |p| &mut p.h0));
            near("dc0", dc0, &p.slope(&dy, &dcells, |p| &mut p.c0));
        }
    }
}

#[test]
fn gru_follows_the_formula() {
    for s in SIZES {
        let p = Problem::new(Cell::Gru, s);
        let [w, bias, h0, a] = [&p.w, &p.bias, &p.h0, &p.a].map(|v| Problem::words(v));
        let state = vec![0u32; p.m.len()];
        let out = run(Gru::new(s), &[w.clone(), bias, h0, a, state.clone(), state]);
        near("y", &out[5], &p.forward().0);

        let dy = p.dy();
        let saved = [3, 4, 5].map(|i| words(&out[i]));
        let [gates, m, y] = saved;
        let args = [w, gates, m, y, words(&dy), vec![0; 4 * dy.len()], vec![0; p.h0.len()]];
        let out = run(GruGrad::new(s), &args);
        let (da, dm) = (p.slope(&dy, &[], |p| &mut p.a), p.slope(&dy, &[], |p| &mut p.m));
        // From r, z, n and m to n, r, z, m.
        let rows = da.chunks(3 * s.hidden).zip(dm.chunks(s.hidden));
        let dgates: Vec<f64> =
            rows.flat_map(|(da, dm)| [&da[2 * s.hidden..], &da[..2 * s.hidden], dm].concat()).collect();
        near("dgates", &out[5], &dgates);
        near("dh0", &out[6], &p.slope(&dy, &[], |p| &mut p.h0));
    }
}

#[test]
fn rnn_follows_the_formula() {
    for s in SIZES {
        for (cell, relu) in [(Cell::Tanh, false), (Cell::Relu, true)] {
            let p = Problem::new(cell, s);
            let [w, bias, h0, a] = [&p.w, &p.bias, &p.h0, &p.a].map(|v| Problem::words(v));
            let out = run(Rnn::new(s, relu), &[w.clone(), bias, h0, a, vec![0; p.m.len()]]);
            near("y", &out[4], &p.forward().0);

            let dy = p.dy();
            let args = [w, words(&out[4]), words(&dy), vec![0; dy.len()], vec![0; p.h0.len()]];
            let out = run(RnnGrad::new(s, relu), &args);
            near("dgates", &out[3], &p.slope(&dy, &[], |p| &mut p.a));
            near("dh0", &out[4], &p.slope(&dy, &[], |p| &mut p.h0));
        }
    }
}

#[test]
fn results_do_not_depend_on_threads() {
    let s = Sequence { steps: 5, batch: 29, hidden: 40 };
    let p = Problem::new(Cell::Lstm, s);
    let on = |threads: usize| {
        let cpu = gpu_core::testing::cpu(threads);
        let [w, bias, h0, c0, a] = [&p.w, &p.bias, &p.h0, &p.c0, &p.a].map(|v| Problem::words(v));
        let (state, dy) = (vec![0u32; p.m.len()], words(&p.dy()));
        let args = [w.clone(), bias, h0, c0, a, state.clone(), state];
        let out = run_kernel(&cpu, Arc::new(Lstm::new(s)), &args);
        let (gates, cells) = (out[4].clone(), out[5].clone());
        let args = [w, gates, cells, dy, vec![0; out[4].len()], vec![0; 2 * s.batch * s.hidden]];
        let back = run_kernel(&cpu, Arc::new(LstmGrad::new(s, false)), &args);
        (out, back)
    };
    let one = on(1);
    assert_eq!(one, on(2));
    assert_eq!(one, on(5));
}
