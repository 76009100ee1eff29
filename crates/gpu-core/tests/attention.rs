//! Attention: the CPU twins against f64, and against WGSL.

use std::sync::Arc;

use gpu_core::kernels::{Attention, AttentionGrad, AttentionInputs, AttentionStats, AttentionWindow};
use gpu_core::testing::{check_twin, run_kernel};
use gpu_core::{DType, Device, GpuFamily, GpuProfile, Kernel, Layout};

/// Pseudo-random floats between -1 and 1.
fn floats(n: usize, seed: u32) -> Vec<f32> {
    let value = |i: u32| {
        let x = (i ^ seed).wrapping_mul(0x85eb_ca6b);
        let x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35) >> 8;
        x as f32 / (1 << 23) as f32 - 1.0
    };
    (0..n as u32).map(value).collect()
}

fn words(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

fn values(words: &[u32]) -> Vec<f32> {
    words.iter().map(|&w| f32::from_bits(w)).collect()
}

fn c(shape: &[usize]) -> Layout {
    Layout::contiguous(shape)
}

/// `[.., H, T, E]` stored as `[.., T, H, E]`.
fn heads_inside(shape: &[usize]) -> Layout {
    let mut order: Vec<usize> = (0..shape.len()).collect();
    let n = shape.len();
    order.swap(n - 3, n - 2);
    let stored: Vec<usize> = order.iter().map(|&d| shape[d]).collect();
    c(&stored).permute(&order)
}

fn room(layout: &Layout) -> usize {
    (0..layout.numel()).map(|i| layout.position(i) + 1).max().unwrap_or(1)
}

/// A problem, the layout of its output (and of the output's gradient), and the layouts of the inputs' gradients; those
/// of keys and values are in one buffer.
struct Case {
    inputs: AttentionInputs,
    y: Layout,
    gradients: [Layout; 3],
}

/// Probabilities and output in f64.
struct Reference {
    p: Vec<f64>,
    y: Vec<f64>,
}

impl Case {
    /// Everything contiguous. `lead` are the leading dimensions, `sizes` `[T, S, E, V]`.
    fn new(lead: &[usize], [t, s, e, v]: [usize; 4], window: impl Into<AttentionWindow>) -> Case {
        let shape = |rows: usize, cols: usize| [lead, &[rows, cols]].concat();
        let scale = 1.0 / (e as f32).sqrt();
        let (q, k, v) = (c(&shape(t, e)), c(&shape(s, e)), c(&shape(s, v)));
        let y = c(&[&q.shape()[..q.rank() - 1], &[v.shape()[v.rank() - 1]]].concat());
        let behind = |l: &Layout, start| Layout::new(l.shape().to_vec(), l.strides().to_vec(), start);
        let gradients = [q.clone(), behind(&k, q.numel()), behind(&v, q.numel() + k.numel())];
        Case { inputs: AttentionInputs { q, k, v, mask: None, window: window.into(), scale }, y, gradients }
    }

    fn masked(mut self, dtype: DType, layout: Layout) -> Case {
        self.inputs.mask = Some((dtype, layout));
        self
    }

    fn sizes(&self) -> [usize; 5] {
        let (q, v) = (self.inputs.q.shape(), self.inputs.v.shape());
        let n = q.len();
        [q[..n - 2].iter().product(), q[n - 2], v[n - 2], q[n - 1], v[n - 1]]
    }

    fn data(&self) -> [Vec<f32>; 4] {
        let i = &self.inputs;
        [(&i.q, 1), (&i.k, 2), (&i.v, 3), (&self.y, 4)].map(|(l, seed)| floats(room(l), seed))
    }

    /// Words of the mask; about a third is hidden, and all keys from the third query.
    fn mask(&self) -> Option<Vec<u32>> {
        let (dtype, layout) = self.inputs.mask.as_ref()?;
        let numbers = floats(room(layout), 9);
        let hidden = |x: f32| x < -0.3;
        let word = |&x: &f32| match dtype {
            DType::F32 => (if hidden(x) { f32::NEG_INFINITY } else { x }).to_bits(),
            _ => u32::from(!hidden(x)),
        };
        let mut words: Vec<u32> = numbers.iter().map(word).collect();
        let n = layout.rank();
        if layout.shape()[n - 2] > 2 && layout.strides()[n - 2] != 0 {
            for key in 0..layout.shape()[n - 1] {
                words[layout.slice(n - 2, 2, 1, 1).position(key)] =
                    if *dtype == DType::F32 { f32::NEG_INFINITY.to_bits() } else { 0 };
            }
        }
        Some(words)
    }

    fn reference(&self, [q, k, v, _]: &[Vec<f32>; 4]) -> Reference {
        let [batches, t, s, e, width] = self.sizes();
        let i = &self.inputs;
        let mask = self.mask();
        let mut p = vec![0.0; batches * t * s];
        let mut y = vec![0.0; batches * t * width];
        for row in 0..batches * t {
            let batch = row / t;
            let (before, after) = (i.window.before, i.window.after);
            let seen = |j: usize| if j > row % t { j - row % t <= after } else { row % t - j <= before };
            let score = |j: usize| {
                let term = |x: usize| {
                    let (a, b) = (q[i.q.position(row * e + x)], k[i.k.position((batch * s + j) * e + x)]);
                    f64::from(a) * f64::from(b)
                };
                let score = (0..e).map(term).sum::<f64>() * f64::from(i.scale);
                let word = i
                    .mask
                    .as_ref()
                    .map(|(dtype, l)| (dtype, mask.as_ref().unwrap()[l.position(row * s + j)]));
                match word {
                    _ if !seen(j) => f64::NEG_INFINITY,
                    Some((DType::F32, word)) => score + f64::from(f32::from_bits(word)),
                    Some((_, 0)) => f64::NEG_INFINITY,
                    _ => score,
                }
            };
            let exps: Vec<f64> = (0..s).map(|j| score(j).exp()).collect();
            let sum: f64 = exps.iter().sum();
            for j in 0..s {
                p[row * s + j] = if sum == 0.0 { 0.0 } else { exps[j] / sum };
                for x in 0..width {
                    y[row * width + x] +=
                        p[row * s + j] * f64::from(v[i.v.position((batch * s + j) * width + x)]);
                }
            }
        }
        Reference { p, y }
    }

    /// Gradients of q, k and v by the formulas.
    fn gradients(&self, [q, k, v, dy]: &[Vec<f32>; 4], of: &Reference) -> [Vec<f64>; 3] {
        let [batches, t, s, e, width] = self.sizes();
        let i = &self.inputs;
        let mut out = [batches * t * e, batches * s * e, batches * s * width].map(|n| vec![0.0; n]);
        for row in 0..batches * t {
            let batch = row / t;
            let dy: Vec<f64> = (0..width).map(|x| f64::from(dy[self.y.position(row * width + x)])).collect();
            let delta: f64 = dy.iter().zip(&of.y[row * width..]).map(|(a, b)| a * b).sum();
            for key in 0..s {
                let p = of.p[row * s + key];
                let at = batch * s + key;
                let value = |x: usize| f64::from(v[i.v.position(at * width + x)]);
                let slope: f64 = (0..width).map(|x| dy[x] * value(x)).sum();
                let ds = p * (slope - delta) * f64::from(i.scale);
                for x in 0..width {
                    out[2][at * width + x] += p * dy[x];
                }
                for x in 0..e {
                    out[0][row * e + x] += ds * f64::from(k[i.k.position(at * e + x)]);
                    out[1][at * e + x] += ds * f64::from(q[i.q.position(row * e + x)]);
                }
            }
        }
        out
    }

    /// Checks one row per invocation, on every device.
    fn check(&self) {
        self.check_with(twin);
    }

    /// Checks tiles of a workgroup, too, which take long to compile.
    fn check_tiles(&self) {
        self.check_with(|kernel, args| {
            let variants = kernel.variants(&GpuProfile::of(GpuFamily::Amd)).map_or(vec![], |v| v.options);
            for (_, variant) in variants {
                check_twin(variant, args, &vec![true; args.len()], 5e-6);
            }
            twin(kernel, args)
        });
    }

    /// `twin` compares the twins of a kernel and gives the CPU's results.
    fn check_with(&self, twin: impl Fn(Arc<dyn Kernel>, &[Vec<u32>]) -> Vec<Vec<u32>>) {
        let data = self.data();
        let want = self.reference(&data);
        let [q, k, v, dy] = &data;
        let [batches, t, ..] = self.sizes();
        let mask = self.mask();
        let output = vec![7; room(&self.y)];
        let mut args = vec![words(q), words(k), words(v)];
        args.extend(mask.clone());
        let reads = args.len();
        args.extend([output, vec![7; batches * t]]);
        let forward = Attention::new(&self.inputs, &self.y);
        let out = twin(Arc::new(forward), &args);
        let y = values(&out[reads]);
        near("y", &self.y, &y, &want.y);

        let args = [words(&y), words(dy), out[reads + 1].clone(), vec![7; 2 * batches * t]];
        let stats = twin(Arc::new(AttentionStats::new(&self.y, &self.y)), &args).remove(3);

        let [dq, dk, dv] = &self.gradients;
        let mut args = vec![words(q), words(k), words(v), words(dy), stats];
        args.extend(mask);
        let reads = args.len();
        args.push(vec![7; room(dq).max(room(dk)).max(room(dv))]);
        let out = twin(Arc::new(AttentionGrad::new(&self.inputs, &self.y, [dq, dk, dv])), &args);
        let got = values(&out[reads]);
        let [dq_want, dk_want, dv_want] = self.gradients(&data, &want);
        near("dq", dq, &got, &dq_want);
        near("dk", dk, &got, &dk_want);
        near("dv", dv, &got, &dv_want);
    }
}

/// Compares the twins; the CPU's results.
fn twin(kernel: Arc<dyn Kernel>, args: &[Vec<u32>]) -> Vec<Vec<u32>> {
    check_twin(kernel.clone(), args, &vec![true; args.len()], 3e-6);
    run_kernel(&Device::named("cpu").unwrap(), kernel, args)
}

fn near(name: &str, layout: &Layout, got: &[f32], want: &[f64]) {
    let scale = want.iter().fold(1.0f64, |m, w| m.max(w.abs()));
    for (i, want) in want.iter().enumerate() {
        let got = f64::from(got[layout.position(i)]);
        assert!((got - want).abs() <= 2e-6 * scale, "{name} {layout:?}: element {i} is {got}, not {want}");
    }
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
    Case::new(&[2], [150, 170, 16, 32], [40, 3]).check_tiles();
    Case::new(&[1], [200, 70, 32, 16], [0, 33]).check_tiles();
}

/// Windows within a block and over several, with queries that see no key, and with masks.
#[test]
fn windows_agree() {
    let cases = [
        ([9, 7, 4, 8], [0, 0]),
        ([190, 40, 8, 8], [2, 0]),
        ([40, 190, 5, 3], [0, 150]),
        ([300, 290, 16, 16], [40, 33]),
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
