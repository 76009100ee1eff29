//! Scaled dot-product attention and its gradient without a matrix of scores in memory: FlashAttention-2 (Dao 2023).

mod backward;
mod cooperative;
mod cpu;
mod forward;
mod product;
mod shader;
mod tiles;
mod window;

pub use window::AttentionWindow;

use std::sync::Arc;

use rayon::prelude::*;

use super::matmul::end;
use crate::layout::simplify;
use crate::simd::vectorized;
use crate::tune::{Cooperative, GpuFamily, GpuProfile, Variants};
use crate::{Access, Args, Cost, DType, Kernel, Layout, Shader};

/// Queries `[.., T, E]`, keys `[.., S, E]`, values `[.., S, V]` and a mask `[.., T, S]` with equal leading dimensions, read
/// in place through any strides.
#[derive(Clone, Debug)]
pub struct AttentionInputs {
    /// Queries `[.., T, E]`.
    pub q: Layout,
    /// Keys `[.., S, E]`.
    pub k: Layout,
    /// Values `[.., S, V]`.
    pub v: Layout,
    /// Bool: whether a query sees a key. F32: added to the scores.
    pub mask: Option<(DType, Layout)>,
    /// Which keys a query sees, besides the mask.
    pub window: AttentionWindow,
    /// Factor on the dot products.
    pub scale: f32,
}

/// `y = softmax(scale q k^T + mask) v`, where keys that a query does not see have the score minus infinity. A query
/// that sees no key gives 0.
///
/// Arguments: q, k, v and, if there is one, mask (words of its type); written: y, through its layout `[.., T, V]`, and the
/// logarithms of the sums of exponentials of every row's scores, `[.., T]` contiguous (0 for a query that sees no key).
#[derive(Clone, Debug)]
pub struct Attention {
    problem: Problem,
    y: Rows,
    form: Form,
    /// Whether queries, keys and values are stored as f16, if their values are.
    halves: Option<[bool; 3]>,
}

/// Gradients of [`Attention`]: with `p` the softmax, `dv = p^T dy`, and with `ds = p (dy v^T - delta)`, `dq = scale ds k` and
/// `dk = scale ds^T q`.
///
/// Arguments: q, k, v, dy (like y), `stats` of [`AttentionStats`] and, if there is one, mask; written, all in one buffer: dq through
/// its layout `[.., T, E]`, dk through its `[.., S, E]` and dv through its `[.., S, V]`. The columns of each are contiguous.
#[derive(Clone, Debug)]
pub struct AttentionGrad {
    problem: Problem,
    dy: Rows,
    dq: Rows,
    dk: Rows,
    dv: Rows,
    form: Form,
    /// As for [`Attention`], and that of the result's gradient.
    halves: Option<[bool; 4]>,
}

/// How a GPU computes attention.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// One row per invocation.
    Rows,
    /// Tiles of a workgroup.
    Tiles,
    /// Cooperative matrices, for operands of f16.
    Matrices(Cooperative),
}

/// Most columns of a row that the forward pass and the gradients have matrices for.
const WIDEST: [usize; 2] = [128, 64];

/// The statistics of every query that the gradient needs: the logarithm of its sum of exponentials, and `delta = sum(dy
/// y)`.
///
/// Arguments: y and dy through their layouts `[.., T, V]`, the logarithms `[.., T]`; written: `[2, .., T]`.
#[derive(Clone, Debug)]
pub struct AttentionStats {
    queries: usize,
    values: usize,
    y: Rows,
    dy: Rows,
}

/// An attention problem, without the layouts of the outputs.
#[derive(Clone, Debug)]
struct Problem {
    queries: usize,
    keys: usize,
    /// Length of queries and keys, and of values.
    features: usize,
    values: usize,
    q: Rows,
    k: Rows,
    v: Rows,
    mask: Option<(DType, Rows)>,
    window: AttentionWindow,
    scale: f32,
}

/// Matrices of one argument: the start of each, and the strides of rows and columns in elements.
#[derive(Clone, Debug)]
struct Rows {
    batch: Layout,
    row: isize,
    col: isize,
    /// One past the last element.
    end: usize,
}

impl Rows {
    fn batches(&self) -> usize {
        self.batch.numel()
    }

    /// Whether vectors of four of the `cols` columns are aligned in memory.
    fn vectors(&self, cols: usize) -> bool {
        let steps = self.batch.strides().iter().chain([&self.row]);
        self.col == 1
            && cols.is_multiple_of(4)
            && self.batch.offset().is_multiple_of(4)
            && self.batch.numel() > 0
            && steps.into_iter().all(|s| s % 4 == 0)
    }

    fn positions_fit(&self, len: usize) {
        assert!(self.end <= len, "attention reaches outside of its arguments");
    }
}

/// The matrices of several layouts with the same leading dimensions.
fn matrices(layouts: &[&Layout]) -> Vec<Rows> {
    let lead = |l: &Layout| l.rank().checked_sub(2).expect("attention is over matrices");
    let part = |l: &&Layout| {
        let n = lead(l);
        Layout::new(l.shape()[..n].to_vec(), l.strides()[..n].to_vec(), l.offset())
    };
    let parts: Vec<Layout> = layouts.iter().map(part).collect();
    let same = parts.iter().all(|p| p.shape() == parts[0].shape());
    assert!(same, "attention: leading dimensions of {layouts:?} differ");
    let rows = |(l, batch): (&&Layout, Layout)| {
        let [row, col] = [l.strides()[lead(l)], l.strides()[lead(l) + 1]];
        // With a single column, any stride is valid.
        let col = if l.shape()[lead(l) + 1] == 1 { 1 } else { col };
        Rows { batch, row, col, end: end(l) }
    };
    layouts.iter().zip(simplify(&parts)).map(rows).collect()
}

/// Rows and columns of the matrices.
fn size(layout: &Layout) -> [usize; 2] {
    let n = layout.rank();
    [layout.shape()[n - 2], layout.shape()[n - 1]]
}

impl AttentionInputs {
    /// The problem, and the matrices of the layouts `others`.
    fn problem(&self, others: &[&Layout]) -> (Problem, Vec<Rows>) {
        let ([queries, features], [keys, values]) = (size(&self.q), size(&self.v));
        assert_eq!(size(&self.k), [keys, features], "attention: keys {:?}", self.k.shape());
        let mask = self.mask.iter().map(|(_, l)| l);
        mask.clone().for_each(|l| assert_eq!(size(l), [queries, keys], "attention: mask {:?}", l.shape()));
        let own: Vec<&Layout> = [&self.q, &self.k, &self.v].into_iter().chain(mask).collect();
        let mut rows = matrices(&[&own, others].concat());
        let others = rows.split_off(own.len());
        let mut rows = rows.into_iter();
        let mut next = || rows.next().expect("one for each layout");
        let (q, k, v) = (next(), next(), next());
        let mask = self.mask.as_ref().map(|(dtype, _)| (*dtype, next()));
        let (window, scale) = (self.window, self.scale);
        (Problem { queries, keys, features, values, q, k, v, mask, window, scale }, others)
    }
}

impl Problem {
    fn batches(&self) -> usize {
        self.q.batches()
    }

    /// Cooperative matrices for operands of `f16`; on real GPUs workgroup tiles, which reuse every loaded operand many times.
    ///
    /// AMD's and Apple's matrix instructions are not fast enough to pay for the way of scores and weights through workgroup memory, and software
    /// adapters have none.
    fn variants<K: Kernel>(
        &self,
        name: &str,
        gpu: &GpuProfile,
        (f16, widest): (bool, usize),
        of: impl Fn(Form) -> K,
    ) -> Option<Variants> {
        let fast = !matches!(gpu.family, GpuFamily::Amd | GpuFamily::Apple | GpuFamily::Software);
        let matrices =
            gpu.cooperative.filter(|&matrices| f16 && fast && self.suits_matrices(matrices, widest));
        let tiles = gpu.family != GpuFamily::Software && self.suits_tiles();
        let form = matrices.map(Form::Matrices).or(tiles.then_some(Form::Tiles))?;
        let option = if matrices.is_some() { "cooperative" } else { "tiles" };
        Some(Variants {
            class: format!("{name} {} x {} x {} x {}", self.queries, self.keys, self.features, self.values),
            options: vec![(option.into(), Arc::new(of(form)))],
            cooperative: matrices.is_some(),
        })
    }

    /// Pairs of a query and a key.
    fn pairs(&self) -> u64 {
        let seen = (0..self.queries).map(|t| self.window.keys(t..t + 1, self.keys).len());
        self.batches() as u64 * seen.sum::<usize>() as u64
    }

    /// Elements read at least once.
    fn elements(&self) -> u64 {
        let row = |length: usize, features: usize| (self.batches() * length * features) as u64;
        row(self.queries + self.keys, self.features) + row(self.keys, self.values)
    }

    fn check(&self, lengths: [usize; 3]) {
        [&self.q, &self.k, &self.v].iter().zip(lengths).for_each(|(rows, len)| rows.positions_fit(len));
    }
}

impl Attention {
    /// # Panics
    /// When the shapes do not fit.
    pub fn new(inputs: &AttentionInputs, y: &Layout) -> Attention {
        let (problem, mut others) = inputs.problem(&[y]);
        assert_eq!(size(y), [problem.queries, problem.values], "attention: output {:?}", y.shape());
        Attention { problem, y: others.remove(0), form: Form::Rows, halves: None }
    }
}

impl Kernel for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn access(&self) -> Vec<Access> {
        let reads = 3 + usize::from(self.problem.mask.is_some());
        [vec![Access::Read; reads], vec![Access::Write; 2]].concat()
    }

    fn shaders(&self) -> Vec<Shader> {
        vec![match self.form {
            Form::Rows => shader::forward(self),
            Form::Tiles => tiles::forward(self),
            Form::Matrices(matrices) => cooperative::forward(self, matrices),
        }]
    }

    fn variants(&self, gpu: &GpuProfile) -> Option<Variants> {
        let halves = (self.halves.is_some(), WIDEST[0]);
        self.problem.variants(self.name(), gpu, halves, |form| Attention { form, ..self.clone() })
    }

    fn of_halves(&self, f16: &[Option<bool>]) -> Option<Arc<dyn Kernel>> {
        Some(Arc::new(Attention { halves: Some([f16[0]?, f16[1]?, f16[2]?]), ..self.clone() }))
    }

    fn operand_elements(&self) -> usize {
        self.problem.keys
    }

    fn run(&self, args: &Args) {
        let reads = 3 + usize::from(self.problem.mask.is_some());
        let mask: &[u32] = if reads == 4 { args.read(3) } else { &[] };
        let inputs = [args.read(0), args.read(1), args.read(2)];
        forward::run(self, inputs, mask, args.write(reads), args.write(reads + 1));
    }

    fn cost(&self) -> Cost {
        let p = &self.problem;
        let written = (p.batches() * p.queries * (p.values + 1)) as u64;
        let flops = p.pairs() * (2 * (p.features + p.values) as u64 + 5);
        Cost { flops, bytes: 4 * (p.elements() + written) }
    }
}

impl AttentionGrad {
    /// # Panics
    /// When the shapes do not fit.
    pub fn new(inputs: &AttentionInputs, dy: &Layout, [dq, dk, dv]: [&Layout; 3]) -> AttentionGrad {
        let (problem, others) = inputs.problem(&[dy, dq, dk, dv]);
        for (gradient, input) in [(dq, &inputs.q), (dk, &inputs.k), (dv, &inputs.v)] {
            let (got, want) = (gradient.shape(), input.shape());
            assert_eq!(got, want, "attention: gradient {got:?} of {want:?}");
        }
        assert!(others[1..].iter().all(|rows| rows.col == 1), "attention: gradients of other strides");
        let [dy, dq, dk, dv] = others.try_into().expect("four");
        AttentionGrad { problem, dy, dq, dk, dv, form: Form::Rows, halves: None }
    }
}

impl Kernel for AttentionGrad {
    fn name(&self) -> &'static str {
        "attention_grad"
    }

    fn access(&self) -> Vec<Access> {
        let reads = 5 + usize::from(self.problem.mask.is_some());
        [vec![Access::Read; reads], vec![Access::Write]].concat()
    }

    fn shaders(&self) -> Vec<Shader> {
        match self.form {
            Form::Rows => vec![shader::grad_query(self), shader::grad_key(self)],
            Form::Tiles => vec![tiles::grad_query(self), tiles::grad_key(self)],
            Form::Matrices(matrices) => {
                vec![cooperative::grad_query(self, matrices), cooperative::grad_key(self, matrices)]
            }
        }
    }

    fn variants(&self, gpu: &GpuProfile) -> Option<Variants> {
        let halves = (self.halves.is_some(), WIDEST[1]);
        self.problem.variants(self.name(), gpu, halves, |form| AttentionGrad { form, ..self.clone() })
    }

    fn of_halves(&self, f16: &[Option<bool>]) -> Option<Arc<dyn Kernel>> {
        let halves = Some([f16[0]?, f16[1]?, f16[2]?, f16[3]?]);
        Some(Arc::new(AttentionGrad { halves, ..self.clone() }))
    }

    fn run(&self, args: &Args) {
        let reads = 5 + usize::from(self.problem.mask.is_some());
        let mask: &[u32] = if reads == 6 { args.read(5) } else { &[] };
        let inputs = [args.read(0), args.read(1), args.read(2), args.read(3), args.read(4)];
        backward::run(self, inputs, mask, args.write(reads));
    }

    fn cost(&self) -> Cost {
        let p = &self.problem;
        let flops = p.pairs() * ((6 * p.features + 4 * p.values) as u64 + 6);
        Cost { flops, bytes: 8 * p.elements() }
    }
}

impl AttentionStats {
    /// # Panics
    /// When the shapes differ.
    pub fn new(y: &Layout, dy: &Layout) -> AttentionStats {
        assert_eq!(y.shape(), dy.shape(), "attention: gradient of the output");
        let [queries, values] = size(y);
        let [y, dy] = matrices(&[y, dy]).try_into().expect("two");
        AttentionStats { queries, values, y, dy }
    }

    fn rows(&self) -> usize {
        self.y.batches() * self.queries
    }

    /// Sum of the products of the rows at these positions.
    #[inline(always)]
    fn dot(&self, y: &[f32], dy: &[f32], y_at: isize, dy_at: isize) -> f32 {
        if self.y.col == 1 && self.dy.col == 1 {
            return lane_dot(&y[y_at as usize..][..self.values], &dy[dy_at as usize..][..self.values]);
        }
        let at = |j: isize| y[(y_at + j * self.y.col) as usize] * dy[(dy_at + j * self.dy.col) as usize];
        (0..self.values as isize).map(at).sum()
    }
}

impl Kernel for AttentionStats {
    fn name(&self) -> &'static str {
        "attention_stats"
    }

    fn access(&self) -> Vec<Access> {
        vec![Access::Read, Access::Read, Access::Read, Access::Write]
    }

    fn shaders(&self) -> Vec<Shader> {
        vec![shader::stats(self)]
    }

    fn run(&self, args: &Args) {
        let (y, dy): (&[f32], &[f32]) = (args.read(0), args.read(1));
        self.y.positions_fit(y.len());
        self.dy.positions_fit(dy.len());
        let (sums, delta) = args.write::<f32>(3).split_at_mut(self.rows());
        sums.copy_from_slice(&args.read::<f32>(2)[..sums.len()]);
        let delta = delta[..sums.len()].par_chunks_mut(self.queries.max(1)).enumerate();
        delta.with_min_len((1 << 14) / (self.queries * self.values).max(1)).for_each(|(batch, delta)| {
            let [y_at, dy_at] = [&self.y, &self.dy].map(|r| r.batch.position(batch) as isize);
            vectorized(
                #[inline(always)]
                || {
                    for (t, delta) in delta.iter_mut().enumerate() {
                        *delta =
                            self.dot(y, dy, y_at + t as isize * self.y.row, dy_at + t as isize * self.dy.row);
                    }
                },
            );
        });
    }

    fn cost(&self) -> Cost {
        let (rows, values) = (self.rows() as u64, self.values as u64);
        Cost { flops: 2 * rows * values, bytes: 4 * rows * (2 * values + 3) }
    }
}

/// Sum of products in 16 lanes.
#[inline(always)]
fn lane_dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut lanes = [0.0f32; 16];
    for (a, b) in a.iter().zip(b) {
        for i in 0..16 {
            lanes[i] += a[i] * b[i];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f32>() + rest
}
