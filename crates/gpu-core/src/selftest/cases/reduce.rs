use super::{Case, noise};
use crate::kernels::{Binary, Instr, Program, Prologue, Reduce, ReduceOp};
use crate::{DType, Layout};

pub(super) fn cases() -> Vec<Case> {
    use ReduceOp::*;
    let [rows, columns] = [37, 300];
    let dense = Layout::contiguous(&[rows, columns]);
    // Near 1, so that products stay small.
    let x: Vec<f32> = noise(rows * columns, 1).iter().map(|x| 1.0 + 0.1 * x).collect();
    let plain = |op: ReduceOp, layout: &Layout, keep: usize| {
        let kept: usize = layout.shape()[..keep].iter().product();
        let kernel = Reduce::new(op, Prologue::plain(DType::F32, layout.clone()), keep);
        let case = Case::new(kernel, 1e-5).floats(&x);
        if op.is_arg() { case.writes_words(kept) } else { case.writes(kept) }
    };
    let rows_of = |op| plain(op, &dense, 1);
    let turned = dense.permute(&[1, 0]);
    let mut cases: Vec<Case> = [Sum, Prod, Max, Min, ArgMax, ArgMin].map(rows_of).to_vec();
    cases.extend([
        plain(Sum, &turned, 1),
        plain(ArgMax, &turned, 1),
        plain(Sum, &dense, 0),
        computed(rows, columns),
    ]);
    cases
}

/// The sum of `a max(a, b)`, where `b` has one element per row.
fn computed(rows: usize, columns: usize) -> Case {
    let code = [Instr::Binary(Binary::Max, 0, 1), Instr::Binary(Binary::Mul, 0, 2)];
    let dense = Layout::contiguous(&[rows, columns]);
    let layouts = vec![dense, Layout::contiguous(&[rows, 1]).expand(&[rows, columns])];
    let operand = Prologue::new(Program::new(&[DType::F32; 2], &code), layouts);
    let (a, b) = (noise(rows * columns, 2), noise(rows, 3));
    Case::new(Reduce::new(ReduceOp::Sum, operand, 1), 1e-5).floats(&a).floats(&b).writes(rows)
}
