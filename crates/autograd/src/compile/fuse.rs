//! Fusion: which element-wise results get memory, and which are computed inside of the launches that read them.
//!
//! A result with one reader is computed there. A result with several readers is computed by each of them if that costs less than
//! writing it once and reading it back. So a chain over one tensor, such as the application of a batch norm and a ReLU, is never
//! stored, neither for the next convolution nor for the backward pass.

use std::cell::Cell;

use gpu_core::Target;
use gpu_core::kernels::Unary;

use super::request::{Request, Source, Wiring};
use crate::op::{MapOp, Op};

thread_local! {
    static FUSION: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Switches fusion on or off for this thread; it is on by default unless `WGRAD_FUSE=0`. Plans made without fusion run every operation
/// by itself, for debugging and testing.
pub fn set_fusion(on: bool) {
    FUSION.set(Some(on));
}

pub(super) fn enabled() -> bool {
    FUSION.get().unwrap_or_else(|| std::env::var_os("WGRAD_FUSE").is_none_or(|v| v != "0"))
}

/// Cost of one instruction relative to one pass over a tensor in memory.
fn instruction_cost(target: Target) -> f64 {
    match target {
        // A block of the interpreter stays in the L1 cache.
        Target::Cpu => 0.25,
        Target::Gpu => 0.02,
    }
}

/// Number of nodes between a result and readers that follow it soon.
const SOON: usize = 8;

/// A node that reads a result, directly or through views.
#[derive(Clone, Copy)]
struct Use {
    node: usize,
    input: usize,
    /// Whether the result is broadcast on the way, so that it would be computed many times.
    grows: bool,
}

/// An element-wise result: the tensors of its size in memory that it reads, and the number of instructions.
#[derive(Clone, Default)]
struct Chain {
    reads: Vec<Source>,
    instructions: usize,
}

/// For every output of every node: whether its values are put into memory.
pub(super) fn stored(request: &Request, wiring: &Wiring, target: Target) -> Vec<Vec<bool>> {
    let on = enabled();
    let bases = bases(request, wiring);
    let fusion = Fusion { request, wiring, target, uses: uses(request, wiring, &bases), bases };
    let mut stored: Vec<Vec<bool>> = request.nodes.iter().map(|n| vec![true; n.outputs.len()]).collect();
    let mut chains: Vec<Vec<Chain>> =
        request.nodes.iter().map(|n| vec![Chain::default(); n.outputs.len()]).collect();
    for node in (0..request.nodes.len()).filter(|&n| wiring.live[n]) {
        for output in 0..stored[node].len() {
            let Some((inputs, instructions)) = fusion.elementwise(node, output) else { continue };
            let chain = fusion.chain(node, output, &inputs, instructions, &stored, &chains);
            stored[node][output] =
                !on || fusion.frees_operand(node, &chain) || fusion.pays_to_store(node, output, &chain);
            chains[node][output] = chain;
        }
    }
    stored
}

struct Fusion<'a> {
    request: &'a Request,
    wiring: &'a Wiring,
    target: Target,
    uses: Vec<Vec<Vec<Use>>>,
    bases: Vec<Option<Source>>,
}

impl Fusion<'_> {
    /// The inputs that an element-wise output is computed from, and the number of instructions.
    fn elementwise(&self, node: usize, output: usize) -> Option<(Vec<usize>, usize)> {
        match &self.request.nodes[node].op {
            // Rounding costs nothing here: values are rounded to halves to save memory.
            Op::Map(MapOp::Unary(Unary::AsHalf(_))) => Some((vec![0], 0)),
            Op::Map(_) => Some(((0..self.wiring.inputs[node].len()).collect(), 1)),
            Op::Kernel(op) => op.elementwise(output),
            _ => None,
        }
    }

    fn chain(
        &self,
        node: usize,
        output: usize,
        inputs: &[usize],
        instructions: usize,
        stored: &[Vec<bool>],
        chains: &[Vec<Chain>],
    ) -> Chain {
        let numel = self.request.nodes[node].outputs[output].numel();
        let mut chain = Chain { reads: vec![], instructions };
        for &i in inputs {
            let source = self.base(self.wiring.inputs[node][i]);
            match source {
                Source::Node(n, o) if !stored[n][o] => {
                    chain.instructions += chains[n][o].instructions;
                    chains[n][o].reads.iter().for_each(|&r| insert(&mut chain.reads, r));
                }
                _ if 2 * self.numel(source) > numel => insert(&mut chain.reads, source),
                _ => {}
            }
        }
        chain
    }

    /// Whether the result is rounded to halves, and storing it frees the memory of an f32 tensor that only this result is computed from. On a
    /// GPU, one reader's code becomes an epilogue of the launch that produces that tensor, which then gets no memory either. On the CPU, where
    /// launches pack their results, but take no code, more than rounding is a launch of its own: readers that follow soon compute it.
    fn frees_operand(&self, node: usize, chain: &Chain) -> bool {
        let rounds = matches!(self.request.nodes[node].op, Op::Map(MapOp::Unary(Unary::AsHalf(_))));
        let epilogue = self.target == Target::Gpu && self.uses[node][0].len() == 1;
        let soon = self.target == Target::Cpu && chain.instructions > 0 && self.is_read_soon(node);
        let whole = |&source: &Source| match source {
            Source::Node(n, o) => self.request.nodes[n].half.is_none() && self.only_leads_to(n, o, node),
            Source::Leaf(_) => false,
        };
        rounds
            && !epilogue
            && !soon
            && self.request.nodes[node].half.is_some()
            && chain.reads.iter().any(whole)
    }

    /// Whether all readers are among the next nodes, so that what the result is computed from would be freed soon anyway.
    fn is_read_soon(&self, node: usize) -> bool {
        self.uses[node][0].iter().all(|u| u.node <= node + SOON)
    }

    /// Whether a result is read once, and so are the results computed from it, up to `node`.
    fn only_leads_to(&self, from: usize, output: usize, node: usize) -> bool {
        let (mut at, mut output) = (from, output);
        loop {
            match &self.uses[at][output][..] {
                [only] if only.node == node => return !self.wiring.wanted[at],
                [only] if !self.wiring.wanted[at] && only.node < node => (at, output) = (only.node, 0),
                _ => return false,
            }
        }
    }

    fn pays_to_store(&self, node: usize, output: usize, chain: &Chain) -> bool {
        let uses = &self.uses[node][output];
        if self.wiring.wanted[node] || uses.iter().any(|u| u.grows || !self.absorbs(u)) {
            return true;
        }
        let readers = self.readers(uses);
        if readers.len() <= 1 {
            return false;
        }
        let this = Source::Node(node, output);
        // Stored by an epilogue, the result takes the place of the operand in memory. That only pays if it spares the readers other operands:
        // else the readers' own code may be the epilogue.
        let emitted = chain.reads.len() > 1 && chain.reads.iter().any(|&operand| self.emitted(operand));
        let (mut with, mut without) = (chain.reads.len() + 1, 2 * usize::from(emitted));
        for reads in &readers {
            with += reads.len();
            let mut reads = reads.clone();
            reads.retain(|&r| r != this);
            chain.reads.iter().for_each(|&r| insert(&mut reads, r));
            without += reads.len();
        }
        let code = instruction_cost(self.target) * chain.instructions as f64;
        without as f64 + code * readers.len() as f64 > with as f64 + code
    }

    /// Whether the code of the only reader becomes an epilogue of the launch that computes `source`.
    fn emitted(&self, source: Source) -> bool {
        let Source::Node(node, output) = source else { return false };
        let emits = matches!(&self.request.nodes[node].op, Op::Kernel(op) if output == 0 && op.emits());
        self.target == Target::Gpu && emits && !self.wiring.wanted[node] && self.uses[node][output].len() == 1
    }

    /// Whether the reader can compute the result itself.
    fn absorbs(&self, u: &Use) -> bool {
        match &self.request.nodes[u.node].op {
            Op::Map(_) | Op::Reduce(..) => true,
            Op::Kernel(op) => op.absorbs(u.input, self.target),
            _ => false,
        }
    }

    /// For each launch at the uses, the tensors it reads. A kernel with an element-wise output reads that output's inputs once more.
    fn readers(&self, uses: &[Use]) -> Vec<Vec<Source>> {
        let mut readers = vec![];
        for u in uses {
            let sources = &self.wiring.inputs[u.node];
            let most = sources.iter().map(|&s| self.numel(s)).max().unwrap_or(0);
            let mut reads = vec![];
            for &source in sources.iter().filter(|&&s| 2 * self.numel(s) > most) {
                insert(&mut reads, self.base(source));
            }
            if let Op::Kernel(op) = &self.request.nodes[u.node].op
                && (0..self.request.nodes[u.node].outputs.len())
                    .any(|o| op.elementwise(o).is_some_and(|(inputs, _)| inputs.contains(&u.input)))
            {
                readers.push(reads.clone());
            }
            readers.push(reads);
        }
        readers
    }

    fn numel(&self, source: Source) -> usize {
        match source {
            Source::Leaf(leaf) => self.wiring.leaves[leaf].numel(),
            Source::Node(n, o) => self.request.nodes[n].outputs[o].numel(),
        }
    }

    fn base(&self, source: Source) -> Source {
        base(&self.bases, source)
    }
}

fn insert(set: &mut Vec<Source>, source: Source) {
    if !set.contains(&source) {
        set.push(source);
    }
}

/// For every view, the source at the base of its chain of views.
fn bases(request: &Request, wiring: &Wiring) -> Vec<Option<Source>> {
    let mut bases = vec![None; request.nodes.len()];
    for i in (0..request.nodes.len()).filter(|&i| request.nodes[i].is_view()) {
        bases[i] = Some(base(&bases, wiring.inputs[i][0]));
    }
    bases
}

fn base(bases: &[Option<Source>], source: Source) -> Source {
    match source {
        Source::Node(n, _) => bases[n].unwrap_or(source),
        Source::Leaf(_) => source,
    }
}

/// For every output of every node, where it is read.
fn uses(request: &Request, wiring: &Wiring, bases: &[Option<Source>]) -> Vec<Vec<Vec<Use>>> {
    let mut uses: Vec<Vec<Vec<Use>>> = request.nodes.iter().map(|n| vec![vec![]; n.outputs.len()]).collect();
    for (i, node) in request.nodes.iter().enumerate().filter(|(i, n)| wiring.live[*i] && !n.is_view()) {
        for (input, &source) in wiring.inputs[i].iter().enumerate() {
            let Source::Node(n, o) = base(bases, source) else { continue };
            let numel = |source| match source {
                Source::Node(n, o) => request.nodes[n].outputs[o].numel(),
                Source::Leaf(_) => 0,
            };
            let read = match node.op {
                Op::Map(_) => node.outputs[0].numel(),
                _ => numel(source),
            };
            uses[n][o].push(Use { node: i, input, grows: read > request.nodes[n].outputs[o].numel() });
        }
    }
    uses
}
