//! Matrix products.

mod direct;
mod shared;
mod side;
mod subgroup;
mod variant;

use std::sync::Arc;

use gemm_common::Parallelism;
use rayon::prelude::*;

use super::partial_sums::PartialSum;
use super::reduce::{Reduce, ReduceOp, Stage, position_fn};
use super::workgroup_tile::{WorkgroupTile, sums_of_split};
use crate::layout::simplify;
use crate::tune::{GpuProfile, Variants};
use crate::{Access, Args, Cost, DType, Half, Kernel, Layout, Shader, Target};
pub(super) use variant::Variant as ProductVariant;
use variant::{Form, Variant};

/// `y[.., i, j] = sum over k of a[.., i, k] * b[.., k, j]`, for `a` of `[.., M, K]` and `b` of `[.., K, N]` with the
/// same leading dimensions (strides of 0 repeat a matrix, and any other strides are read in place, too).
///
/// Arguments: `a`, `b`, and `y`, contiguous `[.., M, N]`; all f32. With [row sums](MatMul::with_row_sums) these follow, `[M]`.
#[derive(Clone, Debug)]
pub struct MatMul {
    m: usize,
    n: usize,
    k: usize,
    a: Factor,
    b: Factor,
    /// How a GPU computes it.
    variant: Variant,
    /// Whether the sums of the rows of `a` are a second output.
    row_sums: bool,
    /// If the values of both operands are f16: whether they are stored so.
    halves: Option<[bool; 2]>,
}

/// One factor: the layout of its batch dimensions, with the offset, and its strides along M or N and along K.
#[derive(Clone, Debug)]
struct Factor {
    batch: Layout,
    step: isize,
    deep: isize,
    /// One past the last element that is read.
    end: usize,
}

impl MatMul {
    /// # Panics
    /// When the layouts' shapes do not fit.
    pub fn new(a: Layout, b: Layout) -> MatMul {
        let rank = a.rank();
        assert!(rank >= 2 && b.rank() == rank, "matmul of {:?} and {:?}", a.shape(), b.shape());
        let (lead, [m, k]) = (&a.shape()[..rank - 2], [a.shape()[rank - 2], a.shape()[rank - 1]]);
        let (b_lead, [b_k, n]) = (&b.shape()[..rank - 2], [b.shape()[rank - 2], b.shape()[rank - 1]]);
        assert!(lead == b_lead && k == b_k, "matmul of {:?} and {:?}", a.shape(), b.shape());
        let part = |l: &Layout| Layout::new(lead.to_vec(), l.strides()[..rank - 2].to_vec(), l.offset());
        let mut batches = simplify(&[part(&a), part(&b)]);
        let (b_batch, a_batch) = (batches.remove(1), batches.remove(0));
        let (a_steps, b_steps) = (&a.strides()[rank - 2..], &b.strides()[rank - 2..]);
        let mut product = MatMul {
            m,
            n,
            k,
            a: Factor { batch: a_batch, step: a_steps[0], deep: a_steps[1], end: end(&a) },
            b: Factor { batch: b_batch, step: b_steps[1], deep: b_steps[0], end: end(&b) },
            variant: Variant::ANY,
            row_sums: false,
            halves: None,
        };
        product.merge();
        product.variant = Variant::portable(&product);
        product
    }

    /// The product with the row sums of `a` as a second output: the gradient of a bias together with that of its weight. `sums` reads the
    /// buffer of `a`; `None` if it is not the row sums of `a`, or if the product is not computed by workgroup tiles, which have the rows in
    /// workgroup memory.
    pub fn with_row_sums(&self, sums: &Reduce) -> Option<MatMul> {
        self.with_sums_of(sums, None)
    }

    /// The same for an `a` that is packed.
    pub(super) fn with_sums_of(&self, sums: &Reduce, half: Option<Half>) -> Option<MatMul> {
        let (kept, reduced, _) = sums.sum_of_memory().filter(|(.., packed)| *packed == half)?;
        let along = |l: &Layout, size: usize, stride: isize| l.shape() == [size] && l.strides() == [stride];
        let same = along(kept, self.m, self.a.step) && along(reduced, self.k, self.a.deep);
        let same = same && kept.offset() == self.a.batch.offset();
        let tiles =
            matches!(self.variant.form, Form::Shared { .. } | Form::Cooperative(_)) && self.outputs() > 0;
        let fits = same && tiles && self.batches() == 1 && !self.row_sums;
        fits.then(|| MatMul { row_sums: true, ..self.clone() })
    }

    /// The variant that is expected to be the best on a GPU, with K in one part.
    pub(super) fn best(&self, gpu: &GpuProfile) -> Variant {
        Variant { splits: 1, ..variant::options(self, gpu).0[0] }
    }

    /// The product as computed by a variant.
    pub(super) fn of(&self, variant: Variant) -> MatMul {
        MatMul { variant, ..self.clone() }
    }

    /// The binding of scratch memory.
    fn scratch_binding(&self) -> usize {
        self.access().len()
    }

    /// Elements of a split's partial results.
    fn partial(&self) -> usize {
        self.outputs() + if self.row_sums { sums_of_split(self.m) } else { 0 }
    }

    /// Merges the products of many `a` with one `b` into one tall product, if strides allow.
    fn merge(&mut self) {
        let (a, b) = (&self.a.batch, &self.b.batch);
        if a.rank() == 1 && b.strides()[0] == 0 && a.strides()[0] == self.m as isize * self.a.step {
            self.m *= a.shape()[0];
            self.a.batch = Layout::new(vec![], vec![], a.offset());
            self.b.batch = Layout::new(vec![], vec![], b.offset());
        }
    }

    fn batches(&self) -> usize {
        self.a.batch.numel()
    }

    /// Number of elements of `y`.
    fn outputs(&self) -> usize {
        self.batches() * self.m * self.n
    }

    /// Parts of K on a GPU.
    fn splits(&self) -> usize {
        self.variant.splits
    }

    /// Parts of K on the CPU: K is split if there are too few outputs to split.
    fn cpu_splits(&self) -> usize {
        let few = self.m.min(self.n) <= 64 && self.outputs() <= 64 * 1024;
        if few && self.k >= 4096 { (self.k / 2048).min(16) } else { 1 }
    }

    /// Rows of `a` that a task of the CPU handles. Tall and narrow products are faster in parts that fit a cache.
    fn cpu_rows(&self) -> usize {
        if self.m > 2048 && self.n <= 32 { 1024 } else { self.m }
    }
}

/// One past the largest position of the layout.
///
/// # Panics
/// When a position is negative.
pub(super) fn end(layout: &Layout) -> usize {
    let (mut first, mut last) = (layout.offset() as isize, layout.offset() as isize);
    if layout.numel() == 0 {
        return 0;
    }
    for (&size, &stride) in layout.shape().iter().zip(layout.strides()) {
        let span = (size as isize - 1) * stride;
        first += span.min(0);
        last += span.max(0);
    }
    assert!(first >= 0, "positions before the start of the buffer: {layout:?}");
    last as usize + 1
}

impl Kernel for MatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn shape(&self) -> String {
        let mark = |transposed| if transposed { "^T" } else { "" };
        let (a, b) = (mark(self.a.deep != 1 && self.a.step == 1), mark(self.b.deep == 1 && self.b.step != 1));
        let batches = if self.batches() == 1 { String::new() } else { format!("{} x ", self.batches()) };
        format!("{batches}[{}, {}]{a} [{}, {}]{b}", self.m, self.k, self.k, self.n)
    }

    fn access(&self) -> Vec<Access> {
        let outputs = 1 + usize::from(self.row_sums);
        [vec![Access::Read; 2], vec![Access::Write; outputs]].concat()
    }

    fn scratch(&self, target: Target) -> usize {
        let splits = match target {
            Target::Cpu => self.cpu_splits(),
            Target::Gpu => self.splits(),
        };
        if splits > 1 { splits * self.partial() * 4 } else { 0 }
    }

    fn shaders(&self) -> Vec<Shader> {
        let (splits, tiles) = (
            self.splits(),
            match self.variant.form {
                Form::Direct => direct::shader(self),
                Form::Shared { micro } => shared::shader(self, |product| {
                    WorkgroupTile { rows: self.variant.rows, cols: self.variant.cols, micro }.shader(product)
                }),
                Form::Cooperative(tile) => shared::shader(self, |product| tile.shader(product)),
                Form::Subgroup { lanes, swap } => subgroup::shader(self, lanes, swap),
            },
        );
        let mut shaders = vec![tiles];
        if splits > 1 {
            let outputs = self.outputs() + if self.row_sums { self.m } else { 0 };
            let sum = Stage {
                op: ReduceOp::Sum,
                dtype: DType::F32,
                kept: Layout::contiguous(&[outputs]),
                reduced: Layout::new(vec![splits], vec![self.partial() as isize], 0),
                input: None,
                first: 0,
                splits: 1,
                output: self.scratch_binding() - 1,
                kept_fast: true,
            };
            let mut sum = sum.shader();
            if self.row_sums {
                sum.block("results", &both_results(self.outputs()), "");
            }
            shaders.push(sum);
        }
        shaders
    }

    /// Not for empty products, as for reductions.
    fn emits(&self) -> bool {
        self.outputs() > 0 && self.k > 0 && !self.row_sums
    }

    fn partial_sums(&self) -> Option<Vec<PartialSum>> {
        let [outputs, stride, terms] = [self.outputs(), self.partial(), self.splits()];
        let sum = |count, first| PartialSum { count, first, step: 1, stride, terms };
        let rows = self.row_sums.then(|| sum(self.m, outputs));
        (terms > 1).then(|| [sum(outputs, 0)].into_iter().chain(rows).collect())
    }

    fn operand_elements(&self) -> usize {
        self.m.max(self.n).max(self.k)
    }

    fn variants(&self, gpu: &GpuProfile) -> Option<Variants> {
        // Row sums are added to a variant that is already chosen.
        (!self.row_sums).then(|| variant::variants(self, gpu))
    }

    fn of_halves(&self, f16: &[Option<bool>]) -> Option<Arc<dyn Kernel>> {
        Some(Arc::new(MatMul { halves: Some([f16[0]?, f16[1]?]), ..self.clone() }))
    }

    fn run(&self, args: &Args) {
        let (a, b): (&[f32], &[f32]) = (args.read(0), args.read(1));
        let y = &mut args.write::<f32>(2)[..self.outputs()];
        assert!(self.a.end <= a.len() && self.b.end <= b.len(), "matmul reads outside of its arguments");
        if self.row_sums {
            self.sum_rows(a, args.write(3));
        }
        if self.k == 0 || y.is_empty() {
            return y.fill(0.0);
        }
        let depth = self.k.div_ceil(self.cpu_splits());
        if depth == self.k {
            return self.tasks(a, b, y, depth);
        }
        let parts = &mut args.write::<f32>(self.scratch_binding())[..self.k.div_ceil(depth) * y.len()];
        self.tasks(a, b, parts, depth);
        y.copy_from_slice(&parts[..y.len()]);
        for part in parts[y.len()..].chunks_exact(y.len()) {
            y.iter_mut().zip(part).for_each(|(y, p)| *y += p);
        }
    }

    fn cost(&self) -> Cost {
        let (batches, m, n, k) = (self.batches() as u64, self.m as u64, self.n as u64, self.k as u64);
        let sums = if self.row_sums { m } else { 0 };
        let bytes = ((self.a.end + self.b.end + self.outputs()) as u64 + sums) * 4;
        Cost { flops: 2 * batches * m * n * k + sums * k, bytes }
    }
}

/// WGSL of the block `results` of the sum of partial results: `outputs` products, and the row sums after them.
fn both_results(outputs: usize) -> String {
    format!(
        "@group(0) @binding(2) var<storage, read_write> y: array<f32>;\n\
         @group(0) @binding(3) var<storage, read_write> row_sums: array<f32>;\n\n\
         fn emit(i: u32, value: f32) {{\n    \
         if (i < {outputs}u) {{\n        y[i] = value;\n    }} else {{\n        row_sums[i - {outputs}u] = value;\n    }}\n}}"
    )
}

impl MatMul {
    fn sum_rows(&self, a: &[f32], sums: &mut [f32]) {
        for (row, sum) in sums[..self.m].iter_mut().enumerate() {
            let first = self.a.batch.offset() as isize + row as isize * self.a.step;
            let term = |k: usize| f64::from(a[(first + k as isize * self.a.deep) as usize]);
            *sum = (0..self.k).map(term).sum::<f64>() as f32;
        }
    }

    /// Fills `y` of `[splits, batches, M, N]` with the products over parts of `depth` of the inner dimension.
    fn tasks(&self, a: &[f32], b: &[f32], y: &mut [f32], depth: usize) {
        let (rows, splits, batches) = (self.cpu_rows(), self.k.div_ceil(depth), self.batches());
        let row_tasks = self.m.div_ceil(rows);
        let tasks = splits * batches * row_tasks;
        let work = 2 * rows * self.n * depth;
        // Every task has exclusive access to its rows of `y`.
        let base = y.as_mut_ptr() as usize;
        let run = |t: usize, parallelism: Parallelism| {
            let (row, rest) = (t % row_tasks * rows, t / row_tasks);
            let (batch, k) = (rest % batches, rest / batches * depth);
            let size = [rows.min(self.m - row), self.n, depth.min(self.k - k)];
            let at = |o: &Factor, step: usize| {
                o.batch.position(batch) as isize + step as isize * o.step + k as isize * o.deep
            };
            let (a_at, b_at) = (at(&self.a, row), at(&self.b, 0));
            // SAFETY: the operands' positions are inside `a` and `b` (checked by `run`), this task's rows inside `y`.
            unsafe {
                let y = (base as *mut f32).add((rest * self.m + row) * self.n);
                self.product(y, a.as_ptr().offset(a_at), b.as_ptr().offset(b_at), size, parallelism);
            }
        };
        if tasks >= 4 && tasks * work > 1 << 20 {
            let least = (1 << 19) / work.max(1);
            (0..tasks).into_par_iter().with_min_len(least.max(1)).for_each(|t| run(t, Parallelism::None));
        } else {
            (0..tasks).for_each(|t| run(t, Parallelism::Rayon(0)));
        }
    }

    /// One product of `size` `[M, N, K]` into contiguous rows of N.
    ///
    /// # Safety
    /// The pointers are valid for what the size and the operands' strides reach, and `y` for writing.
    unsafe fn product(
        &self,
        y: *mut f32,
        a: *const f32,
        b: *const f32,
        [m, n, k]: [usize; 3],
        parallelism: Parallelism,
    ) {
        let (a_steps, b_steps) = ((self.a.deep, self.a.step), (self.b.step, self.b.deep));
        // SAFETY: guaranteed by the caller. Computes the transposed product, as gemm expects consecutive results in a
        // column.
        unsafe {
            gemm_f32::gemm::f32::get_gemm_fn()(
                n,
                m,
                k,
                y,
                self.n as isize,
                1,
                false,
                b,
                b_steps.1,
                b_steps.0,
                a,
                a_steps.1,
                a_steps.0,
                0.0,
                1.0,
                false,
                false,
                false,
                parallelism,
            );
        }
    }
}
