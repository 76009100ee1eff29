//! Reductions over the last dimensions of a strided array: sum, product, extremes and their positions.

mod cpu;
mod shader;

pub(super) use cpu::{Fold, MaxF32, SumF32, fold_slice};
pub(super) use shader::{Stage, position_fn};

use crate::layout::simplify;
use crate::{Access, Args, Cost, DType, Kernel, Layout, Shader, Target};
use cpu::{MaxI32, MaxU32, MinF32, MinI32, MinU32, ProdF32, ProdU32, SumU32};

/// What a reduction computes of each group of elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReduceOp {
    Sum,
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
/// Arguments: the input, read through its layout; the output, contiguous `[kept dims]`. Positions are row-major numbers
/// in the reduced dimensions. Over no elements, `Sum` is 0 and `Prod` is 1; the other operations need at least one.
#[derive(Clone, Debug)]
pub struct Reduce {
    op: ReduceOp,
    dtype: DType,
    kept: Layout,
    /// At offset 0; for operations without positions reordered so that the smallest stride is last, and without
    /// negative strides.
    reduced: Layout,
}

impl Reduce {
    /// # Panics
    /// When `keep` is larger than the input's rank.
    pub fn new(op: ReduceOp, dtype: DType, input: Layout, keep: usize) -> Reduce {
        assert!(keep <= input.rank(), "keeping {keep} dimensions of {}", input.rank());
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
        Reduce { op, dtype, kept: merged(kept), reduced: merged(Layout::new(sizes, steps, 0)) }
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
        vec![Access::Read, Access::Write]
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
            dtype: self.dtype,
            kept: self.kept.clone(),
            reduced: self.reduced.clone(),
            input: Some(0),
            first: 0,
            splits: 1,
            output: 1,
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

    fn run(&self, args: &Args) {
        use ReduceOp::*;
        match (self.op, self.dtype) {
            (Sum, DType::F32) => self.values::<SumF32>(args.read(0), args.write(1)),
            (Prod, DType::F32) => self.values::<ProdF32>(args.read(0), args.write(1)),
            (Max, DType::F32) => self.values::<MaxF32>(args.read(0), args.write(1)),
            (Min, DType::F32) => self.values::<MinF32>(args.read(0), args.write(1)),
            (ArgMax, DType::F32) => self.positions::<MaxF32>(args.read(0), args.write(1)),
            (ArgMin, DType::F32) => self.positions::<MinF32>(args.read(0), args.write(1)),
            // Sums and products that wrap are the same of signed and unsigned words.
            (Sum, _) => self.values::<SumU32>(args.read(0), args.write(1)),
            (Prod, _) => self.values::<ProdU32>(args.read(0), args.write(1)),
            (Max, DType::I32) => self.values::<MaxI32>(args.read(0), args.write(1)),
            (Min, DType::I32) => self.values::<MinI32>(args.read(0), args.write(1)),
            (ArgMax, DType::I32) => self.positions::<MaxI32>(args.read(0), args.write(1)),
            (ArgMin, DType::I32) => self.positions::<MinI32>(args.read(0), args.write(1)),
            (Max, _) => self.values::<MaxU32>(args.read(0), args.write(1)),
            (Min, _) => self.values::<MinU32>(args.read(0), args.write(1)),
            (ArgMax, _) => self.positions::<MaxU32>(args.read(0), args.write(1)),
            (ArgMin, _) => self.positions::<MinU32>(args.read(0), args.write(1)),
        }
    }

    fn cost(&self) -> Cost {
        let (kept, reduced) = (self.kept.numel() as u64, self.reduced.numel() as u64);
        Cost { flops: kept * reduced, bytes: 4 * kept * (reduced + 1) }
    }
}
