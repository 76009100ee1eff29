//! Lowering: from nodes to kernel launches over buffer slots.

mod extend;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use gpu_core::kernels::{MatMul, Prologue, Reduce};
use gpu_core::{Access, Arg, DType, Device, Half, Kernel, Launch, Layout, Role, Target, limits};

use super::concat_in_place::{self, Part};
use super::expr::Expr;
use super::fuse;
use super::place::{self, ALIGN, Place, SlotKind, Value, VirtualSlot};
use super::request::{Request, Source, Wiring};
use super::steps::{MAX_CODE, MapStep, Step};
use crate::op::{MapOp, Meta, Op, View};

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
    /// How often each output will still be read. What is computed is forgotten after that: the code of a long chain would
    /// take much memory.
    reads: Vec<Vec<usize>>,
    /// Results of nodes that got no memory, views left out.
    pub(super) inlined: usize,
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
            inlined: 0,
            node: 0,
        };
        cx.place_leaves();
        for node in 0..request.nodes.len() {
            cx.node = node;
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

    /// Drops what only the node just lowered was waiting for.
    fn forget(&mut self) {
        for source in &self.wiring.inputs[self.node] {
            let Source::Node(n, o) = *source else { continue };
            self.reads[n][o] -= 1;
            if self.reads[n][o] == 0 && matches!(self.values[n][o], Some(Value::Computed(_))) {
                self.values[n][o] = None;
            }
        }
    }

    fn place_leaves(&mut self) {
        let leaves = &self.wiring.leaves;
        let scalars = leaves.iter().filter(|l| matches!(l.node.op, Op::Scalars(_))).count();
        let scalar_slot =
            (scalars > 0).then(|| self.slot(SlotKind::Scalars, scalars * limits::BINDING_ALIGN, Role::State));
        let bytes = self.wiring.buffer_bytes().into_iter().enumerate();
        let slots: Vec<usize> =
            bytes.map(|(i, bytes)| self.slot(SlotKind::Leaf(i), bytes, Role::Input)).collect();
        let mut scalar = 0;
        for (leaf, place) in leaves.iter().zip(&self.wiring.places) {
            let contiguous = Layout::contiguous(leaf.shape());
            let value = match (&leaf.node.op, place, scalar_slot) {
                (Op::Literal(bits), ..) => Value::Computed(Expr::literal(leaf.dtype(), *bits)),
                (Op::Scalars(values), _, Some(slot)) => {
                    assert!(values.len() <= ALIGN, "at most {ALIGN} step-varying numbers a tensor");
                    scalar += 1;
                    Value::Memory(Place::new(slot, contiguous.at((scalar - 1) * ALIGN)))
                }
                (_, place, _) => {
                    let (buffer, offset) = place.expect("data lies in memory");
                    Value::Memory(Place::new(slots[buffer], contiguous.at(offset)))
                }
            };
            self.leaves.push(value);
        }
    }

    fn slot(&mut self, kind: SlotKind, bytes: usize, role: Role) -> usize {
        self.slots.push(VirtualSlot { kind, bytes, role });
        self.slots.len() - 1
    }

    fn lower_node(&mut self) {
        let node = &self.request.nodes[self.node];
        match &node.op {
            Op::Data | Op::Constant(_) | Op::Literal(_) | Op::Scalars(_) => {
                unreachable!("leaves are not lowered")
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

    /// Keeps the code of a map for the launches that read it, or launches it.
    fn lower_map(&mut self, op: MapOp) {
        let sources = self.wiring.inputs[self.node].clone();
        let shape = self.request.nodes[self.node].outputs[0].shape.clone();
        let expr = loop {
            let operands: Vec<Expr> = sources.iter().map(|&s| self.source_expr(s)).collect();
            let expr = Expr::apply(op, &operands, &shape);
            if self.fits(&expr) {
                break expr;
            }
            // Too large: the longest operand gets a launch of its own.
            let longest = (0..operands.len()).max_by_key(|&i| (operands[i].len(), operands[i].slots().len()));
            self.source_memory(sources[longest.expect("a map has operands")]);
        };
        self.computed(0, expr);
    }

    fn view(&mut self, view: &View, meta: &Meta) -> Value {
        let source = self.wiring.inputs[self.node][0];
        let seen = |layout: &Layout| match view {
            View::Alias | View::Again => Some(layout.clone()),
            View::Permute(order) => Some(layout.permute(order)),
            View::Expand => Some(layout.expand(&meta.shape)),
            View::Slice { dim, start, len, step } => Some(layout.slice(*dim, *start, *len, *step)),
            View::Reshape => layout.reshape(&meta.shape),
        };
        if let Value::Computed(expr) = self.value(source)
            && let Some(expr) = expr.view(&meta.shape, seen)
        {
            return Value::Computed(expr);
        }
        let place = self.source_memory(source);
        match seen(&place.layout) {
            Some(layout) => Value::Memory(Place { layout, ..place }),
            None => {
                let half = place.half;
                let copy = self.dense_temp(Expr::load(place, meta.dtype), half);
                Value::Memory(Place { layout: Layout::contiguous(&meta.shape), ..copy })
            }
        }
    }

    fn value(&self, source: Source) -> &Value {
        match source {
            Source::Leaf(leaf) => &self.leaves[leaf],
            Source::Node(node, output) => {
                self.values[node][output].as_ref().expect("inputs are lowered first")
            }
        }
    }

    fn source_expr(&self, source: Source) -> Expr {
        match self.value(source) {
            Value::Computed(expr) => expr.clone(),
            Value::Memory(place) => Expr::load(place.clone(), self.dtype(source)),
        }
    }

    fn dtype(&self, source: Source) -> DType {
        match source {
            Source::Leaf(leaf) => self.wiring.leaves[leaf].dtype(),
            Source::Node(node, output) => self.request.nodes[node].outputs[output].dtype,
        }
    }

    /// The source in memory, packed if it may be; from now on everybody reads it there.
    fn source_memory(&mut self, source: Source) -> Place {
        let expr = match self.value(source) {
            Value::Memory(place) => return place.clone(),
            Value::Computed(expr) => expr.clone(),
        };
        let place = match expr.place() {
            Some(place) => place.clone(),
            None => self.dense_temp(expr, self.half(source)),
        };
        let value = Value::Memory(place.clone());
        match source {
            Source::Leaf(leaf) => self.leaves[leaf] = value,
            Source::Node(node, output) => {
                self.inlined -= usize::from(!self.request.nodes[node].is_view());
                self.values[node][output] = Some(value);
            }
        }
        place
    }

    /// What the values of a source may be packed as.
    fn half(&self, source: Source) -> Option<Half> {
        match source {
            Source::Leaf(_) => None,
            Source::Node(node, _) => self.request.nodes[node].half,
        }
    }

    /// Computes an expression into a dense temporary.
    fn write_dense(&mut self, expr: Expr) -> Arg {
        let place = self.dense_temp(expr, None);
        Arg { slot: place.slot, offset: 0, bytes: place.layout.numel() * DType::BYTES }
    }

    /// As [`write_dense`](Lower::write_dense), packed if it says so.
    fn dense_temp(&mut self, expr: Expr, half: Option<Half>) -> Place {
        let layout = Layout::contiguous(expr.shape());
        let slot = self.slot(SlotKind::Temp, place::bytes(expr.numel(), half), Role::Activation);
        let place = Place { slot, layout, half };
        self.write(expr, place.clone());
        place
    }

    /// Packed values as a kernel reads them that knows only f32. The copy is for this launch alone, so that nothing but the packed
    /// values is kept; its elements are in the order in which they lie.
    fn unpacked(&mut self, packed: Place) -> Place {
        let layout = &packed.layout;
        let mut order: Vec<usize> = (0..layout.rank()).collect();
        order.sort_by_key(|&d| -layout.strides()[d].abs());
        // Broadcast dimensions are copied once.
        let once = |d: usize| if layout.strides()[d] == 0 { 1 } else { layout.shape()[d] };
        let shape: Vec<usize> = order.iter().map(|&d| once(d)).collect();
        let strides = order.iter().map(|&d| layout.strides()[d]).collect();
        let lying = Layout::new(shape, strides, layout.offset());
        let wanted = layout.shape().to_vec();
        let copy = self.dense_temp(Expr::load(Place { layout: lying, ..packed }, DType::F32), None);
        let mut back = vec![0; order.len()];
        order.iter().enumerate().for_each(|(at, &d)| back[d] = at);
        Place { layout: copy.layout.permute(&back).expand(&wanted), ..copy }
    }

    /// Computes an expression into memory.
    fn write(&mut self, expr: Expr, to: Place) {
        if to.layout.numel() == 0 {
            return;
        }
        // A buffer can't be bound for reading and for writing at once.
        let expr = if expr.slots().contains(&to.slot) {
            let dtype = expr.dtype();
            Expr::load(self.dense_temp(expr, None), dtype)
        } else {
            expr
        };
        let expr = match to.half {
            Some(half) => expr.packed_as(half),
            None => expr,
        };
        self.steps.push(Step::Map(MapStep::new(expr, to)));
    }

    /// Whether the plan is for the CPU or a GPU.
    pub fn target(&self) -> Target {
        self.device.target()
    }

    /// Shape and type of input `i`.
    pub fn input_meta(&self, i: usize) -> Meta {
        self.wiring.meta(self.request, self.wiring.inputs[self.node][i]).clone()
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.wiring.inputs[self.node].len()
    }

    /// Shape and type of output `i`.
    pub fn output_meta(&self, i: usize) -> &Meta {
        &self.request.nodes[self.node].outputs[i]
    }

    /// Input `i` as it lies: a range to bind and the layout inside of it.
    pub fn input(&mut self, i: usize) -> (Arg, Layout) {
        let mut place = self.source_memory(self.wiring.inputs[self.node][i]);
        if place.half.is_some() {
            place = self.unpacked(place);
        }
        let (arg, stored) = place.bind();
        (arg, stored.layout)
    }

    /// Input `i`, dense in row-major order; copied where it is not.
    pub fn dense(&mut self, i: usize) -> Arg {
        let source = self.wiring.inputs[self.node][i];
        let dtype = self.dtype(source);
        let place = self.source_memory(source);
        place.dense().unwrap_or_else(|| self.write_dense(Expr::load(place, dtype)))
    }

    /// Input `i` as an expression, to be computed by whatever reads it.
    pub fn expr(&self, i: usize) -> Expr {
        self.source_expr(self.wiring.inputs[self.node][i])
    }

    /// Input `i` for a kernel that computes it as it reads it: the buffers to bind, at most `buffers`, and the code.
    pub fn prologue(&mut self, i: usize, buffers: usize) -> (Vec<Arg>, Prologue) {
        let source = self.wiring.inputs[self.node][i];
        if let Value::Computed(expr) = self.value(source)
            && expr.slots().len() > buffers
        {
            self.source_memory(source);
        }
        self.prologue_of(self.source_expr(source), buffers)
    }

    fn prologue_of(&mut self, mut expr: Expr, buffers: usize) -> (Vec<Arg>, Prologue) {
        if expr.slots().is_empty() || expr.slots().len() > buffers {
            let dtype = expr.dtype();
            expr = Expr::load(self.dense_temp(expr, None), dtype);
        }
        let (args, inputs) = expr.bind();
        (args, Prologue::shared(expr.program(), inputs))
    }

    /// Memory for output `i`, dense in row-major order.
    pub fn output(&mut self, i: usize) -> Arg {
        self.output_layout(i).0
    }

    /// Memory for output `i`, and the order of its elements there: a permutation of a dense layout that the op
    /// [`produces`](crate::KernelOp::produces). Only what is computed by an expression is packed.
    pub fn output_layout(&mut self, i: usize) -> (Arg, Layout) {
        let meta = self.output_meta(i).clone();
        let place = match self.parts.get(&(self.node, i)).cloned() {
            Some(part) => {
                let (slot, start) = self.concatenated(part.whole);
                let offset = start + part.layout.offset();
                Place::new(slot, part.layout.at(offset))
            }
            None => {
                let layout = Layout::contiguous(&meta.shape);
                let (kind, half) = match self.wiring.wanted[self.node] {
                    true => (SlotKind::Output, None),
                    false => (SlotKind::Temp, self.request.nodes[self.node].half),
                };
                let slot = self.slot(kind, place::bytes(meta.numel(), half), Role::Activation);
                Place { slot, layout, half }
            }
        };
        let offset = place.layout.offset() * DType::BYTES;
        let arg = Arg { slot: place.slot, offset, bytes: place::bytes(meta.numel(), place.half) };
        let order = place.layout.at(0);
        self.values[self.node][i] = Some(Value::Memory(place));
        (arg, order)
    }

    /// The memory of a node that concatenates its inputs, made when the first of them is produced: a slot, and the first element
    /// there, as the node may be a part of another.
    fn concatenated(&mut self, whole: usize) -> (usize, usize) {
        if let Some(Value::Memory(place)) = &self.values[whole][0] {
            return (place.slot, place.layout.offset());
        }
        let now = std::mem::replace(&mut self.node, whole);
        let arg = self.output(0);
        self.node = now;
        (arg.slot, arg.offset / DType::BYTES)
    }

    /// Makes `expr` output `o`: by a launch if it is worth the memory, else by the launches that read it.
    pub fn computed(&mut self, o: usize, expr: Expr) {
        if self.stored[self.node][o] {
            self.output(o);
            let Some(Value::Memory(place)) = self.values[self.node][o].clone() else {
                unreachable!("outputs lie in memory")
            };
            self.write(expr, place);
        } else {
            self.inlined += 1;
            self.values[self.node][o] = Some(Value::Computed(expr));
        }
    }

    /// Output `o`, already computed, as an operand.
    pub fn output_expr(&self, o: usize) -> Expr {
        self.source_expr(Source::Node(self.node, o))
    }

    /// Output 0 of an op that [concatenates](crate::KernelOp::concatenates) its inputs, some of which may lie in it already.
    pub fn concatenated_output(&mut self) -> Arg {
        let (slot, start) = self.concatenated(self.node);
        Arg { slot, offset: start * DType::BYTES, bytes: self.output_meta(0).numel() * DType::BYTES }
    }

    /// Memory that holds input `i` and becomes output `o`: the input's own where nobody else needs it, else a copy. To
    /// be called in the order of the op's [`in_place`](crate::KernelOp::in_place) pairs.
    pub fn in_place(&mut self, i: usize, o: usize) -> Arg {
        if self.donated.pop_front().expect("one decision an in-place pair") {
            let source = self.wiring.inputs[self.node][i];
            let place = self.source_memory(source);
            self.settle(place.slot);
            let arg = Arg { slot: place.slot, offset: 0, bytes: place.layout.numel() * DType::BYTES };
            self.values[self.node][o] = Some(Value::Memory(place));
            return arg;
        }
        let expr = self.expr(i);
        let arg = self.output(o);
        let layout = Layout::contiguous(expr.shape());
        self.write(expr, Place::new(arg.slot, layout));
        arg
    }

    /// Launches everything that still is to be computed from a slot that is about to be overwritten.
    fn settle(&mut self, slot: usize) {
        for node in 0..self.node {
            for output in 0..self.values[node].len() {
                if let Some(Value::Computed(expr)) = &self.values[node][output]
                    && expr.inputs().iter().any(|(place, _)| place.slot == slot)
                {
                    self.source_memory(Source::Node(node, output));
                }
            }
        }
    }

    /// Temporary memory for `numel` elements, alive from its first to its last launch.
    pub fn temp(&mut self, numel: usize) -> Arg {
        let bytes = numel * DType::BYTES;
        let slot = self.slot(SlotKind::Temp, bytes, Role::Activation);
        Arg { slot, offset: 0, bytes }
    }

    /// Temporary memory as an operand of `shape`.
    pub fn temp_expr(&self, arg: Arg, shape: &[usize]) -> Expr {
        Expr::load(Place::new(arg.slot, Layout::contiguous(shape)), DType::F32)
    }

    /// Buffers that one launch may bind, scratch memory included.
    pub fn buffers(&self) -> usize {
        self.target().arguments()
    }

    /// Whether one launch can compute an expression.
    pub fn fits(&self, expr: &Expr) -> bool {
        expr.slots().len() < self.buffers() && expr.len() <= MAX_CODE
    }

    /// Appends a launch; scratch memory that the kernel asks for is added. A launch that writes nothing is left out.
    pub fn launch(&mut self, kernel: impl Kernel + 'static, args: &[Arg]) {
        let access = kernel.access();
        if access.iter().zip(args).all(|(a, arg)| *a == Access::Read || arg.bytes == 0) {
            return;
        }
        let sizes: Vec<usize> = args.iter().map(|arg| arg.bytes).collect();
        let kernel = self.device.tuned(Arc::new(kernel), &sizes);
        let mut args = args.to_vec();
        self.part_reads(&access, &mut args);
        let scratch = kernel.scratch(self.target());
        if scratch > 0 {
            args.push(self.temp(scratch.div_ceil(DType::BYTES)));
        }
        self.steps.push(Step::Kernel(Launch::new(kernel, args)));
    }

    /// A buffer can't be bound for reading and for writing at once, not even at different ranges: copies what is read.
    fn part_reads(&mut self, access: &[Access], args: &mut [Arg]) {
        for i in 0..args.len() {
            let written = |(a, arg): (&Access, &Arg)| *a != Access::Read && arg.slot == args[i].slot;
            if access[i] == Access::Read && access.iter().zip(&*args).any(written) {
                let words = args[i].bytes / DType::BYTES;
                let layout = Layout::new(vec![words], vec![1], args[i].offset / DType::BYTES);
                args[i] = self.write_dense(Expr::load(Place::new(args[i].slot, layout), DType::U32));
            }
        }
    }

    /// Copies input `i` into a part of an output, unless it was produced there.
    pub fn write_part(&mut self, i: usize, out: Arg, part: Layout) {
        let expr = self.expr(i).expand(part.shape());
        let offset = part.offset() + out.offset / DType::BYTES;
        let to = Place::new(out.slot, part.at(offset));
        let there = expr.place().is_some_and(|from| {
            from.slot == to.slot && from.layout.offset() == to.layout.offset() && from.layout.is_contiguous()
        });
        if !there {
            self.write(expr, to);
        }
    }

    /// A matrix product of strided operands into dense memory.
    pub(crate) fn matmul(&mut self, a: (Arg, Layout), b: (Arg, Layout), out: Arg) {
        self.launch(MatMul::new(a.1, b.1), &[a.0, b.0, out]);
    }
}

/// How often every output is read.
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
