//! Lowering: from nodes to kernel launches over buffer slots.

mod in_place;
mod inputs;
mod launch;
mod leaves;
mod outputs;
mod rounded;
mod sources;
mod views;

use std::collections::VecDeque;

use foldhash::HashMap;
use gpu_core::kernels::{Halves, Reduce, Unary};
use gpu_core::{Arg, Device, Role};

use self::rounded::Rounded;
use super::concat_in_place::{self, Part};
use super::expr::Expr;
use super::fuse;
use super::place::{Place, SlotKind, Value, VirtualSlot};
use super::request::{Request, Source, Wiring};
use super::schedule::Step;
use crate::op::{MapOp, Op};

/// Lowers one node after the other; an op's [`lower`](crate::KernelOp::lower) emits its launches through it.
pub struct Lower<'a> {
    device: &'a Device,
    request: &'a Request,
    wiring: &'a Wiring,
    pub(super) slots: Vec<VirtualSlot>,
    pub(super) steps: Vec<Step>,
    /// Outputs of the nodes lowered so far.
    values: Vec<Vec<Option<Value>>>,
    leaves: Vec<Value>,
    /// For every output of every node, whether it gets memory.
    stored: Vec<Vec<bool>>,
    /// Outputs that are produced as parts of concatenated tensors.
    parts: HashMap<(usize, usize), Part>,
    donated: VecDeque<bool>,
    /// How often each output will still be read. An expression is dropped after its last read: the code of a long chain would take much
    /// memory.
    reads: Vec<Vec<usize>>,
    rounded: Rounded,
    /// Number of results that got no memory, not counting views.
    pub(super) inlined: usize,
    /// Operands of the node being lowered that are packed: its kernels unpack them.
    packed: Vec<(Arg, Halves)>,
    /// Those that are not packed, although their values are f16.
    unpacked: Vec<Arg>,
    /// The node being lowered.
    node: usize,
}

impl<'a> Lower<'a> {
    pub(super) fn run(device: &'a Device, request: &'a Request, wiring: &'a Wiring) -> Lower<'a> {
        let stored = fuse::stored(request, wiring, device.target());
        let mut cx = Lower {
            device,
            request,
            wiring,
            slots: vec![],
            steps: vec![],
            values: request.nodes.iter().map(|n| vec![None; n.outputs.len()]).collect(),
            leaves: vec![],
            parts: concat_in_place::parts(request, wiring),
            stored,
            donated: request.donated.iter().copied().collect(),
            reads: reads(request, wiring),
            rounded: Rounded::new(request, wiring),
            inlined: 0,
            packed: vec![],
            unpacked: vec![],
            node: 0,
        };
        cx.place_leaves();
        for node in 0..request.nodes.len() {
            cx.node = node;
            cx.packed.clear();
            cx.unpacked.clear();
            if wiring.live[node] {
                cx.lower_node();
                cx.forget();
            } else if let Op::Kernel(op) = &request.nodes[node].op {
                cx.donated.drain(..op.in_place().len());
            }
        }
        cx
    }

    /// Where the outputs of a wanted node lie.
    pub(super) fn places(&self, node: usize) -> Vec<&Place> {
        fn place(value: &Option<Value>) -> &Place {
            match value {
                Some(Value::Memory(place)) => place,
                _ => unreachable!("wanted outputs are in memory"),
            }
        }
        self.values[node].iter().map(place).collect()
    }

    /// Drops expressions that have no other reader after the node just lowered.
    fn forget(&mut self) {
        for source in &self.wiring.inputs[self.node] {
            let Source::Node(n, o) = *source else { continue };
            self.reads[n][o] -= 1;
            if self.reads[n][o] == 0 && matches!(self.values[n][o], Some(Value::Computed(_))) {
                self.values[n][o] = None;
            }
        }
    }

    fn lower_node(&mut self) {
        let node = &self.request.nodes[self.node];
        match &node.op {
            Op::Data | Op::Constant(_) | Op::Literal(_) | Op::Scalars(_) | Op::Call(_) | Op::Returned(_) => {
                unreachable!("leaves are not lowered, calls are expanded")
            }
            Op::View(view) => {
                let value = self.view(view, &node.outputs[0]);
                self.values[self.node][0] = Some(value);
            }
            Op::Map(op) => self.lower_map(*op),
            Op::Reduce(op, dims) => {
                let keep = node.outputs[0].shape.len();
                let kept = (0..keep + dims.len()).filter(|d| !dims.contains(d));
                let order: Vec<usize> = kept.chain(dims.iter().copied()).collect();
                let out = self.output(0);
                let input = self.expr(0);
                let shape: Vec<usize> = order.iter().map(|&d| input.shape()[d]).collect();
                let input = input.view(&shape, |l| Some(l.permute(&order))).expect("permuting always works");
                let (mut args, input) = self.prologue_of(input, self.buffers() - 2);
                args.push(out);
                self.launch(Reduce::new(*op, input, keep), &args);
            }
            Op::Kernel(op) => op.clone().lower(self),
        }
    }

    /// Keeps the code of an element-wise node for the launches that read it, or launches it.
    fn lower_map(&mut self, op: MapOp) {
        let sources = self.wiring.inputs[self.node].clone();
        let shape = self.request.nodes[self.node].outputs[0].shape.clone();
        if let (MapOp::Unary(Unary::AsHalf(half)), true) = (op, self.gets_own_memory())
            && let Some(place) = self.rounded_leaf(sources[0], half)
        {
            self.values[self.node][0] = Some(Value::Memory(place));
            return;
        }
        let expr = loop {
            let operands: Vec<Expr> = sources.iter().map(|&s| self.source_expr(s)).collect();
            let expr = Expr::apply(op, &operands, &shape);
            if self.fits(&expr) {
                break expr;
            }
            // Too large: the longest operand is computed by a launch of its own.
            let longest = (0..operands.len()).max_by_key(|&i| (operands[i].len(), operands[i].slots().len()));
            self.source_memory(sources[longest.expect("a map has operands")]);
        };
        self.computed(0, expr);
    }

    /// Whether output 0 of the node being lowered gets memory, but not at a place that is given by others.
    fn gets_own_memory(&self) -> bool {
        let given = self.wiring.wanted[self.node] || self.parts.contains_key(&(self.node, 0));
        self.stored[self.node][0] && !given
    }

    fn slot(&mut self, kind: SlotKind, bytes: usize, role: Role) -> usize {
        self.slots.push(VirtualSlot { kind, bytes, role });
        self.slots.len() - 1
    }
}

/// For every output, how often it is read.
fn reads(request: &Request, wiring: &Wiring) -> Vec<Vec<usize>> {
    let mut reads: Vec<Vec<usize>> = request.nodes.iter().map(|n| vec![0; n.outputs.len()]).collect();
    for (sources, _) in wiring.inputs.iter().zip(&wiring.live).filter(|(_, live)| **live) {
        for source in sources {
            if let Source::Node(n, o) = *source {
                reads[n][o] += 1;
            }
        }
    }
    reads
}
