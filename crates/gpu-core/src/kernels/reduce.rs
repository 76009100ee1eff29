//! Reductions over the last dimensions of a strided array: sum, product, extremes and their positions.

mod cpu;
mod shader;

pub(super) use cpu::{Fold, MaxF32, SumF32, fold_slice};
pub(super) use shader::{Stage, position_fn};

use super::prologue::{Prologue, Split};
use crate::layout::simplify;
use crate::{Access, Args, Cost, DType, Half, Kernel, Layout, Shader, Target};
use cpu::{MaxI32, MaxU32, MinF32, MinI32, MinU32, ProdF32, ProdU32, SumU32};

/// What a reduction computes of each group of elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReduceOp {
    /// Sum; of integers modulo 2^32.
    Sum,
    /// Product; of integers modulo 2^32.
    Prod,
    /// The largest element; NaN if any is. Of bools: whether any is true.
    Max,
    /// The smallest element; NaN if any is. Of bools: whether all are true.
    Min,
    /// Position of the first largest element; the first NaN's if there is one.
    ArgMax,
    /// Position of the first smallest element; the first NaN's if there is one.
    ArgMin,
}

impl ReduceOp {
    /// Whether the result is a position ([`DType::I32`]) instead of a value.
    pub fn is_arg(self) -> bool {
        matches!(self, ReduceOp::ArgMax | ReduceOp::ArgMin)
    }

    /// Type of the result on elements of type `x`.
    pub fn dtype(self, x: DType) -> DType {
        if self.is_arg() { DType::I32 } else { x }
    }
}

/// `output[k] = op over r of input[k, r]`, where `k` are the first `keep` dimensions of the input and `r` the others.
///
/// Arguments: the inputs of the operand; the output, contiguous `[kept dims]`. Positions are row-major numbers in the
/// reduced dimensions. Over no elements, `Sum` is 0 and `Prod` is 1; the other operations need at least one.
#[derive(Clone, Debug)]
pub struct Reduce {
    op: ReduceOp,
    /// A dense array: the memory of an input that is reduced as it is, or the elements of a computed one.
    input: Prologue,
    /// Layout of the kept dimensions in the array.
    kept: Layout,
    /// Layout of the reduced dimensions, at offset 0. For operations without positions it is reordered: the smallest
    /// stride is last, and no stride is negative.
    reduced: Layout,
    /// For a computed input: which of its dimensions are kept.
    split: Option<Split>,
    /// For an input in memory: the layouts there of the outputs, and of the terms of one output, and what it is packed as.
    memory: Option<(Layout, Layout, Option<Half>)>,
}

impl Reduce {
    /// # Panics
    /// When `keep` is larger than the input's rank.
    pub fn new(op: ReduceOp, input: Prologue, keep: usize) -> Reduce {
        let rank = input.shape().len();
        assert!(keep <= rank, "keeping {keep} dimensions of {rank}");
        let read =
            |l: &&Layout| l.strides().iter().zip(l.shape()).filter(|d| *d.0 != 0).map(|d| *d.1).product();
        let lead = input.layouts().iter().max_by_key::<usize, _>(read).expect("an operand has an input");
        let (kept, reduced) = split(op, lead, keep);
        if input.is_identity() {
            let memory = Layout::contiguous(&[span(&kept, &reduced)]);
            let memory = Prologue::plain(input.dtype(), memory);
            let places = Some((kept.clone(), reduced.clone(), None));
            return Reduce { op, input: memory, kept, reduced, split: None, memory: places };
        }
        let code = input.code();
        let packed = code.program.code().is_empty().then(|| (kept.clone(), reduced.clone(), code.half(0)));
        let (outputs, elements) = (kept.numel(), reduced.numel());
        let mut order: Vec<usize> = (keep..rank).collect();
        if !op.is_arg() {
            order.sort_by_key(|&d| (lead.strides()[d] != 0, -lead.strides()[d].abs()));
        }
        let columns = !op.is_arg() && by_columns(&kept, &reduced);
        let (step, stride) = if columns { (1, outputs) } else { (elements, 1) };
        let order = if columns {
            [order, (0..keep).collect()].concat()
        } else {
            [(0..keep).collect(), order].concat()
        };
        Reduce {
            op,
            input: input.relayout(|l| l.permute(&order)),
            kept: merged(Layout::new(vec![outputs], vec![step as isize], 0)),
            reduced: merged(Layout::new(vec![elements], vec![stride as isize], 0)),
            split: Some(Split { outer: keep, outer_last: columns }),
            memory: packed,
        }
    }

    /// For the sum of floats in memory: the layouts of the outputs, and of the terms of one output, and what the floats are packed as.
    pub(super) fn sum_of_memory(&self) -> Option<&(Layout, Layout, Option<Half>)> {
        self.memory.as_ref().filter(|_| self.op == ReduceOp::Sum && self.input.dtype() == DType::F32)
    }

    /// Number of splits of every stage on a GPU. The last is 1; all keep the loops of one invocation short.
    fn stages(&self) -> Vec<usize> {
        let (kept, mut left, mut stages) = (self.kept.numel(), self.reduced.numel(), vec![]);
        loop {
            let enough = if kept >= 16_384 { 4096 } else { 256 };
            let splits =
                if left <= enough { 1 } else { left.div_ceil((kept * left / 65_536).clamp(64, 4096)) };
            stages.push(splits);
            if splits == 1 {
                return stages;
            }
            left = splits;
        }
    }
}

/// The first `keep` dimensions of a layout, and the others in the order of [`Reduce`]'s `reduced`.
fn split(op: ReduceOp, input: &Layout, keep: usize) -> (Layout, Layout) {
    let (shape, strides) = (input.shape(), input.strides());
    let (mut offset, mut tail) = (input.offset() as isize, vec![]);
    for d in keep..input.rank() {
        tail.push((shape[d], strides[d]));
    }
    if !op.is_arg() {
        for (size, stride) in tail.iter_mut().filter(|d| d.1 < 0) {
            offset += (size.max(&mut 1).to_owned() as isize - 1) * *stride;
            *stride = -*stride;
        }
        tail.sort_by_key(|&(_, stride)| (stride != 0, -stride));
    }
    let (sizes, steps) = tail.into_iter().unzip();
    let kept = Layout::new(shape[..keep].to_vec(), strides[..keep].to_vec(), offset as usize);
    (merged(kept), merged(Layout::new(sizes, steps, 0)))
}

/// Elements of memory that all positions lie in.
fn span(kept: &Layout, reduced: &Layout) -> usize {
    if kept.numel() * reduced.numel() == 0 {
        return 0;
    }
    let reach = |l: &Layout| -> isize {
        l.shape().iter().zip(l.strides()).map(|(&n, &s)| ((n as isize - 1) * s).max(0)).sum()
    };
    kept.offset() + (reach(kept) + reach(reduced)) as usize + 1
}

/// Whether neighbouring outputs are folded side by side, rather than the elements of one output.
fn by_columns(kept: &Layout, reduced: &Layout) -> bool {
    let ((columns, step), (length, stride)) = (inner(kept), inner(reduced));
    step == 1 && columns >= 4 && (stride != 1 || length < 16)
}

fn merged(layout: Layout) -> Layout {
    simplify(&[layout]).remove(0)
}

/// Size and stride of the last dimension.
fn inner(layout: &Layout) -> (usize, isize) {
    layout.rank().checked_sub(1).map_or((1, 0), |d| (layout.shape()[d], layout.strides()[d]))
}

impl Kernel for Reduce {
    fn name(&self) -> &'static str {
        "reduce"
    }

    fn shape(&self) -> String {
        format!("{:?} of {:?} x {:?}", self.op, self.kept.shape(), self.reduced.shape())
    }

    fn access(&self) -> Vec<Access> {
        self.input.access().chain([Access::Write]).collect()
    }

    fn scratch(&self, target: Target) -> usize {
        let stages = self.stages();
        let partials: usize = stages[..stages.len() - 1].iter().sum();
        let words = if self.op.is_arg() { 2 } else { 1 };
        if target == Target::Gpu { partials * self.kept.numel() * words * 4 } else { 0 }
    }

    fn shaders(&self) -> Vec<Shader> {
        let (stages, kept) = (self.stages(), self.kept.numel());
        let mut stage = Stage {
            op: self.op,
            dtype: self.input.dtype(),
            kept: self.kept.clone(),
            reduced: self.reduced.clone(),
            input: Some((self.input.clone(), self.split)),
            first: 0,
            splits: 1,
            output: self.input.arity(),
            kept_fast: inner(&self.kept).1 == 1 && inner(&self.reduced).1 != 1,
        };
        let mut shaders = vec![];
        for splits in stages {
            stage.splits = splits;
            shaders.push(stage.shader());
            // The next stage reads what this one wrote.
            let (outer, step) = if stage.kept_fast { (1, kept) } else { (splits, 1) };
            stage.first += stage.input.take().map_or(kept * stage.reduced.numel(), |_| 0);
            stage.kept = Layout::new(vec![kept], vec![outer as isize], 0);
            stage.reduced = Layout::new(vec![splits], vec![step as isize], 0);
        }
        shaders
    }

    /// Not for empty reductions: a compiler that sees their constant 0 may also fold `0 / 0` to 0.
    fn emits(&self) -> bool {
        self.reduced.numel() > 0
    }

    fn operand_elements(&self) -> usize {
        // Counted separately: their product may be larger.
        self.kept.numel().max(self.reduced.numel())
    }

    fn run(&self, args: &Args) {
        use ReduceOp::*;
        let (x, out) = (&self.input.bind(args, 0), self.input.arity());
        match (self.op, self.input.dtype()) {
            (Sum, DType::F32) => self.values::<SumF32>(x, args.write(out)),
            (Prod, DType::F32) => self.values::<ProdF32>(x, args.write(out)),
            (Max, DType::F32) => self.values::<MaxF32>(x, args.write(out)),
            (Min, DType::F32) => self.values::<MinF32>(x, args.write(out)),
            (ArgMax, DType::F32) => self.positions::<MaxF32>(x, args.write(out)),
            (ArgMin, DType::F32) => self.positions::<MinF32>(x, args.write(out)),
            // Wrapping sums and products are the same for signed and unsigned words.
            (Sum, _) => self.values::<SumU32>(x, args.write(out)),
            (Prod, _) => self.values::<ProdU32>(x, args.write(out)),
            (Max, DType::I32) => self.values::<MaxI32>(x, args.write(out)),
            (Min, DType::I32) => self.values::<MinI32>(x, args.write(out)),
            (ArgMax, DType::I32) => self.positions::<MaxI32>(x, args.write(out)),
            (ArgMin, DType::I32) => self.positions::<MinI32>(x, args.write(out)),
            (Max, _) => self.values::<MaxU32>(x, args.write(out)),
            (Min, _) => self.values::<MinU32>(x, args.write(out)),
            (ArgMax, _) => self.positions::<MaxU32>(x, args.write(out)),
            (ArgMin, _) => self.positions::<MinU32>(x, args.write(out)),
        }
    }

    fn cost(&self) -> Cost {
        let (kept, reduced) = (self.kept.numel() as u64, self.reduced.numel() as u64);
        let (flops, bytes) = self.input.work();
        let computed = !self.input.is_plain();
        let bytes = if computed { bytes } else { 4 * kept * reduced };
        Cost { flops: flops + kept * reduced, bytes: bytes + 4 * kept }
    }
}
