use super::{Case, noise};
use crate::kernels::{Binary, Instr, Map, Program, Stored, Unary};
use crate::{DType, Layout};

/// Numbers of a function's domain: all, above 0, within -1 and 1, above 1.
const DOMAINS: [(f32, f32, &[Unary]); 4] = {
    use Unary::*;
    [
        (
            5.0,
            0.0,
            &[
                Neg,
                Abs,
                Sign,
                Recip,
                Exp,
                Expm1,
                Sin,
                Cos,
                Tan,
                Atan,
                Sinh,
                Cosh,
                Asinh,
                Tanh,
                Erf,
                Erfc,
                Sigmoid,
                Relu,
                GeluTanh,
                GeluTanhGrad,
                Floor,
                Ceil,
                Round,
                Trunc,
            ],
        ),
        (4.0, 4.1, &[Sqrt, Rsqrt, Log, Log1p]),
        (0.99, 0.0, &[Asin, Acos, Atanh]),
        (4.0, 5.1, &[Acosh]),
    ]
};

pub(super) fn cases() -> Vec<Case> {
    let all = DOMAINS.into_iter().flat_map(|(scale, offset, ops)| {
        let xs: Vec<f32> = noise(300, 1).iter().map(|x| offset + scale * x).collect();
        // Several functions per kernel, as compiling takes most of the time.
        ops.chunks(6).map(move |ops| functions(ops, &xs))
    });
    all.chain([arithmetic(), strided()]).collect()
}

/// An output for each function.
fn functions(ops: &[Unary], xs: &[f32]) -> Case {
    let code: Vec<Instr> = ops.iter().map(|&op| Instr::Unary(op, 0)).collect();
    let outputs: Vec<u16> = (1..=ops.len() as u16).collect();
    let layout = Stored::from(Layout::contiguous(&[xs.len()]));
    let program = Program::with_outputs(&[DType::F32], &code, &outputs);
    let kernel = Map::fused(program, vec![(0, layout.clone())], vec![layout; ops.len()]);
    ops.iter().fold(Case::new(kernel, 1e-6).floats(xs), |case, _| case.writes(xs.len()))
}

/// `a > b ? fmod(a, b) : a b - atan2(a, b)` and the larger of both.
fn arithmetic() -> Case {
    let code = [
        Instr::Binary(Binary::Gt, 0, 1),
        Instr::Binary(Binary::Fmod, 0, 1),
        Instr::Binary(Binary::Mul, 0, 1),
        Instr::Binary(Binary::Atan2, 0, 1),
        Instr::Binary(Binary::Sub, 4, 5),
        Instr::Select(2, 3, 6),
        Instr::Binary(Binary::Max, 0, 1),
    ];
    let count = 1000;
    let layout = Stored::from(Layout::contiguous(&[count]));
    let program = Program::with_outputs(&[DType::F32; 2], &code, &[7, 8]);
    let kernel = Map::fused(program, vec![(0, layout.clone()), (1, layout.clone())], vec![layout; 2]);
    let [a, b] = [1, 2].map(|seed| noise(count, seed));
    Case::new(kernel, 2e-6).floats(&a).floats(&b).writes(count).writes(count)
}

/// A transposed and reversed operand, a broadcast one, and a part of the output.
fn strided() -> Case {
    let program = Program::new(&[DType::F32; 2], &[Instr::Binary(Binary::Sub, 0, 1)]);
    let a = Layout::contiguous(&[5, 7]).permute(&[1, 0]).slice(0, 6, 7, -1);
    let b = Layout::contiguous(&[5]).expand(&[7, 5]);
    let kernel = Map::new(program, &[a, b], Layout::contiguous(&[9, 5]).slice(0, 1, 7, 1));
    Case::new(kernel, 0.0).floats(&noise(35, 1)).floats(&noise(5, 2)).writes(45)
}
