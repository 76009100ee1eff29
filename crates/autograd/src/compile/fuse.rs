//! Fusion of element-wise chains: a map whose only user is a map of the same shape is computed inside of it.

use gpu_core::DType;
use gpu_core::kernels::{Instr, Program};

use super::request::{Request, Source, Wiring};
use crate::Tensor;
use crate::op::{MapOp, Op};

/// Inputs one fused kernel may read: the portable limit on buffers less the output.
const MAX_INPUTS: usize = gpu_core::limits::STORAGE_BUFFERS - 1;

/// Instructions of one fused kernel. Without a limit a long chain would cost the square of its length to compile.
const MAX_CODE: usize = 128;

/// An element-wise kernel: a program and the tensors it reads.
#[derive(Clone)]
pub(crate) struct Chain {
    pub inputs: Vec<Source>,
    pub types: Vec<DType>,
    pub code: Vec<Instr>,
}

impl Chain {
    pub fn program(&self) -> Program {
        Program::new(&self.types, &self.code)
    }
}

/// For every map node the kernel that computes it, or `None` where its user has taken it in.
pub(crate) fn chains(request: &Request, wiring: &Wiring) -> Vec<Option<Chain>> {
    let mut uses = vec![0; request.nodes.len()];
    for source in wiring.inputs.iter().flatten() {
        if let Source::Node(n, _) = source {
            uses[*n] += 1;
        }
    }
    let mut chains: Vec<Option<Chain>> = vec![None; request.nodes.len()];
    for (i, node) in request.nodes.iter().enumerate() {
        let Op::Map(op) = node.op else { continue };
        let inputs = &wiring.inputs[i];
        let types: Vec<DType> = node.state().inputs.iter().map(Tensor::dtype).collect();
        let mut taken: Vec<bool> = inputs
            .iter()
            .map(|source| match *source {
                Source::Node(n, _) => {
                    let same = request.nodes[n].outputs[0].shape == node.outputs[0].shape;
                    uses[n] == 1 && !wiring.wanted[n] && same && chains[n].is_some()
                }
                Source::Leaf(_) => false,
            })
            .collect();
        let chain = loop {
            let chain = join(op, inputs, &taken, &chains, &types);
            if chain.inputs.len() <= MAX_INPUTS && chain.code.len() <= MAX_CODE {
                break chain;
            }
            // Too large: leave the last operand that was taken in to a kernel of its own.
            let last = taken.iter().rposition(|&t| t).expect("one op has few inputs");
            taken[last] = false;
        };
        for (source, _) in inputs.iter().zip(&taken).filter(|(_, taken)| **taken) {
            if let Source::Node(n, _) = source {
                chains[*n] = None;
            }
        }
        chains[i] = Some(chain);
    }
    chains
}

/// One op over operands that are either read, or computed by their own chain when `taken`.
fn join(
    op: MapOp,
    operands: &[Source],
    taken: &[bool],
    chains: &[Option<Chain>],
    operand_types: &[DType],
) -> Chain {
    let parts: Vec<Chain> = operands
        .iter()
        .zip(taken)
        .zip(operand_types)
        .map(|((&source, &taken), &t)| match source {
            Source::Node(n, _) if taken => chains[n].clone().expect("a taken chain is there"),
            _ => Chain { inputs: vec![source], types: vec![t], code: vec![] },
        })
        .collect();
    let (mut inputs, mut types): (Vec<Source>, Vec<DType>) = (vec![], vec![]);
    let mut place = |source: Source, t: DType| {
        inputs.iter().position(|&s| s == source).unwrap_or_else(|| {
            inputs.push(source);
            types.push(t);
            inputs.len() - 1
        })
    };
    let placed: Vec<Vec<usize>> =
        parts.iter().map(|p| p.inputs.iter().zip(&p.types).map(|(&s, &t)| place(s, t)).collect()).collect();
    let mut code: Vec<Instr> = vec![];
    let mut results = vec![];
    for (part, placed) in parts.iter().zip(&placed) {
        let base = inputs.len() + code.len();
        let own = part.inputs.len();
        let register = |r: u16| match placed.get(usize::from(r)) {
            Some(&input) => input as u16,
            None => (base + usize::from(r) - own) as u16,
        };
        code.extend(part.code.iter().map(|instr| renumber(*instr, register)));
        results.push(if part.code.is_empty() { placed[0] } else { inputs.len() + code.len() - 1 } as u16);
    }
    code.push(match op {
        MapOp::Unary(f) => Instr::Unary(f, results[0]),
        MapOp::Binary(f) => Instr::Binary(f, results[0], results[1]),
        MapOp::Select => Instr::Select(results[0], results[1], results[2]),
    });
    Chain { inputs, types, code }
}

fn renumber(instr: Instr, register: impl Fn(u16) -> u16) -> Instr {
    match instr {
        Instr::Unary(f, a) => Instr::Unary(f, register(a)),
        Instr::Binary(f, a, b) => Instr::Binary(f, register(a), register(b)),
        Instr::Select(c, a, b) => Instr::Select(register(c), register(a), register(b)),
        constant @ Instr::Const(..) => constant,
    }
}
