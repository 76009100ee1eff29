//! Problems of attention, and their results in f64.

use std::sync::Arc;

use gpu_core::kernels::{Attention, AttentionGrad, AttentionInputs, AttentionStats, AttentionWindow};
use gpu_core::{DType, Kernel, Layout};

/// Pseudo-random floats between -1 and 1.
pub fn floats(n: usize, seed: u32) -> Vec<f32> {
    let value = |i: u32| {
        let x = (i ^ seed).wrapping_mul(0x85eb_ca6b);
        let x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35) >> 8;
        x as f32 / (1 << 23) as f32 - 1.0
    };
    (0..n as u32).map(value).collect()
}

pub fn words(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

pub fn values(words: &[u32]) -> Vec<f32> {
    words.iter().map(|&w| f32::from_bits(w)).collect()
}

pub fn c(shape: &[usize]) -> Layout {
    Layout::contiguous(shape)
}

/// `[.., H, T, E]` stored as `[.., T, H, E]`.
pub fn heads_inside(shape: &[usize]) -> Layout {
    let mut order: Vec<usize> = (0..shape.len()).collect();
    let n = shape.len();
    order.swap(n - 3, n - 2);
    let stored: Vec<usize> = order.iter().map(|&d| shape[d]).collect();
    c(&stored).permute(&order)
}

pub fn room(layout: &Layout) -> usize {
    (0..layout.numel()).map(|i| layout.position(i) + 1).max().unwrap_or(1)
}

/// A problem, the layout of its output (and of the output's gradient), and the layouts of the inputs' gradients; those
/// of keys and values are in one buffer.
pub struct Case {
    pub inputs: AttentionInputs,
    pub y: Layout,
    pub gradients: [Layout; 3],
}

/// Probabilities and output in f64.
pub struct Reference {
    pub p: Vec<f64>,
    pub y: Vec<f64>,
}

impl Case {
    /// Everything contiguous. `lead` are the leading dimensions, `sizes` `[T, S, E, V]`.
    pub fn new(lead: &[usize], [t, s, e, v]: [usize; 4], window: impl Into<AttentionWindow>) -> Case {
        let shape = |rows: usize, cols: usize| [lead, &[rows, cols]].concat();
        let scale = 1.0 / (e as f32).sqrt();
        let (q, k, v) = (c(&shape(t, e)), c(&shape(s, e)), c(&shape(s, v)));
        let y = c(&[&q.shape()[..q.rank() - 1], &[v.shape()[v.rank() - 1]]].concat());
        let behind = |l: &Layout, start| Layout::new(l.shape().to_vec(), l.strides().to_vec(), start);
        let gradients = [q.clone(), behind(&k, q.numel()), behind(&v, q.numel() + k.numel())];
        Case { inputs: AttentionInputs { q, k, v, mask: None, window: window.into(), scale }, y, gradients }
    }

    pub fn masked(mut self, dtype: DType, layout: Layout) -> Case {
        self.inputs.mask = Some((dtype, layout));
        self
    }

    pub fn sizes(&self) -> [usize; 5] {
        let (q, v) = (self.inputs.q.shape(), self.inputs.v.shape());
        let n = q.len();
        [q[..n - 2].iter().product(), q[n - 2], v[n - 2], q[n - 1], v[n - 1]]
    }

    pub fn data(&self) -> [Vec<f32>; 4] {
        let i = &self.inputs;
        [(&i.q, 1), (&i.k, 2), (&i.v, 3), (&self.y, 4)].map(|(l, seed)| floats(room(l), seed))
    }

    /// Words of the mask; about a third is hidden, and all keys from the third query.
    pub fn mask(&self) -> Option<Vec<u32>> {
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

    pub fn reference(&self, [q, k, v, _]: &[Vec<f32>; 4]) -> Reference {
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
    pub fn gradients(&self, [q, k, v, dy]: &[Vec<f32>; 4], of: &Reference) -> [Vec<f64>; 3] {
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

    /// Checks what `run` computes by the kernels of both passes, given their arguments, to some part of the largest elements.
    pub fn check_with(
        &self,
        data: &[Vec<f32>; 4],
        tolerance: f64,
        run: impl Fn(Arc<dyn Kernel>, &[Vec<u32>]) -> Vec<Vec<u32>>,
    ) {
        let want = self.reference(data);
        let [q, k, v, dy] = data;
        let [batches, t, ..] = self.sizes();
        let mask = self.mask();
        let output = vec![7; room(&self.y)];
        let mut args = vec![words(q), words(k), words(v)];
        args.extend(mask.clone());
        let reads = args.len();
        args.extend([output, vec![7; batches * t]]);
        let forward = Attention::new(&self.inputs, &self.y);
        let out = run(Arc::new(forward), &args);
        let y = values(&out[reads]);
        near("y", &self.y, &y, &want.y, tolerance);

        let args = [words(&y), words(dy), out[reads + 1].clone(), vec![7; 2 * batches * t]];
        let stats = run(Arc::new(AttentionStats::new(&self.y, &self.y)), &args).remove(3);

        let [dq, dk, dv] = &self.gradients;
        let mut args = vec![words(q), words(k), words(v), words(dy), stats];
        args.extend(mask);
        let reads = args.len();
        args.push(vec![7; room(dq).max(room(dk)).max(room(dv))]);
        let out = run(Arc::new(AttentionGrad::new(&self.inputs, &self.y, [dq, dk, dv])), &args);
        let got = values(&out[reads]);
        let [dq_want, dk_want, dv_want] = self.gradients(data, &want);
        near("dq", dq, &got, &dq_want, tolerance);
        near("dk", dk, &got, &dk_want, tolerance);
        near("dv", dv, &got, &dv_want, tolerance);
    }
}

/// Checks a result, to some part of the largest element.
pub fn near(name: &str, layout: &Layout, got: &[f32], want: &[f64], tolerance: f64) {
    let scale = want.iter().fold(1.0f64, |m, w| m.max(w.abs()));
    for (i, want) in want.iter().enumerate() {
        let got = f64::from(got[layout.position(i)]);
        assert!(
            (got - want).abs() <= tolerance * scale,
            "{name} {layout:?}: element {i} is {got}, not {want}"
        );
    }
}
