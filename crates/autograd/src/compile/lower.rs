//! Lowering: from nodes to kernel launches over buffer slots.

use std::sync::Arc;

use gpu_core::kernels::{Map, MatMul, Program, Prologue, Reduce};
use gpu_core::{Arg, DType, Device, Kernel, Launch, Layout, Role, Target, limits};

use super::fuse::{self, Chain};
use super::request::{Request, Source, Wiring};
use crate::op::{Meta, Op, View};

/// Elements between two positions at which a buffer can be bound.
const ALIGN: usize = limits::BINDING_ALIGN / DType::BYTES;

/// Where the values of a tensor lie while a plan runs.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub slot: usize,
    pub layout: Layout,
}

/// What a slot is before memory is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotKind {
    /// A leaf of the wiring.
    Leaf(usize),
    /// The step-varying numbers.
    Scalars,
    /// A kept output, newly allocated at each run.
    Output,
    Temp,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct VirtualSlot {
    pub kind: SlotKind,
    pub bytes: usize,
    pub role: Role,
}

/// Lowers one node after the other; an op's [`lower`](crate::KernelOp::lower) emits its launches through it.
pub struct Lower<'a> {
    device: &'a Device,
    request: &'a Request,
    wiring: &'a Wiring,
    pub(super) slots: Vec<VirtualSlot>,
    pub(super) launches: Vec<Launch>,
    /// Outputs of the nodes lowered so far.
    pub(super) places: Vec<Vec<Option<Place>>>,
    leaves: Vec<Place>,
    donated: std::collections::VecDeque<bool>,
    /// The node being lowered.
    node: usize,
}

impl<'a> Lower<'a> {
    pub(super) fn run(device: &'a Device, request: &'a Request, wiring: &'a Wiring) -> Lower<'a> {
        let mut cx = Lower {
            device,
            request,
            wiring,
            slots: vec![],
            launches: vec![],
            places: vec![],
            leaves: vec![],
            donated: request.donated.iter().copied().collect(),
            node: 0,
        };
        cx.place_leaves();
        let chains = fuse::chains(request, wiring);
        for (i, chain) in chains.iter().enumerate() {
            cx.node = i;
            cx.places.push(vec![None; request.nodes[i].outputs.len()]);
            cx.lower_node(chain.as_ref());
        }
        cx
    }

    fn place_leaves(&mut self) {
        let leaves = &self.wiring.leaves;
        let scalars = leaves.iter().filter(|l| matches!(l.node.op, Op::Scalars(_))).count();
        let scalar_slot =
            (scalars > 0).then(|| self.slot(SlotKind::Scalars, scalars * limits::BINDING_ALIGN, Role::State));
        let mut scalar = 0;
        for (i, leaf) in leaves.iter().enumerate() {
            let contiguous = Layout::contiguous(leaf.shape());
            let place = match (&leaf.node.op, scalar_slot) {
                (Op::Scalars(values), Some(slot)) => {
                    assert!(values.len() <= ALIGN, "at most {ALIGN} step-varying numbers a tensor");
                    let layout =
                        Layout::new(leaf.shape().to_vec(), contiguous.strides().to_vec(), scalar * ALIGN);
                    scalar += 1;
                    Place { slot, layout }
                }
                _ => {
                    let slot = self.slot(SlotKind::Leaf(i), leaf.numel() * DType::BYTES, Role::Input);
                    Place { slot, layout: contiguous }
                }
            };
            self.leaves.push(place);
        }
    }

    fn slot(&mut self, kind: SlotKind, bytes: usize, role: Role) -> usize {
        self.slots.push(VirtualSlot { kind, bytes, role });
        self.slots.len() - 1
    }

    fn lower_node(&mut self, chain: Option<&Chain>) {
        let node = &self.request.nodes[self.node];
        if let Op::Map(_) = node.op {
            // A map without a chain is computed inside of its user.
            if let Some(chain) = chain {
                self.lower_map(chain);
            }
            return;
        }
        match &node.op {
            Op::Data | Op::Constant(_) | Op::Scalars(_) => unreachable!("leaves are not lowered"),
            Op::View(view) => {
                let place = self.view(view, &node.outputs[0]);
                self.places[self.node][0] = Some(place);
            }
            Op::Map(_) => unreachable!("handled above"),
            Op::Reduce(op, dims) => {
                let input = self.input_place(0);
                let kept = (0..input.layout.rank()).filter(|d| !dims.contains(d));
                let order: Vec<usize> = kept.chain(dims.iter().copied()).collect();
                let (arg, layout) = self.bind(&input);
                let keep = order.len() - dims.len();
                let operand = Prologue::plain(self.input_meta(0).dtype, layout.permute(&order));
                let kernel = Reduce::new(*op, operand, keep);
                let out = self.output(0);
                self.launch(kernel, &[arg, out]);
            }
            Op::Kernel(op) => op.clone().lower(self),
        }
    }

    fn lower_map(&mut self, chain: &Chain) {
        let shape = self.request.nodes[self.node].outputs[0].shape.clone();
        let out = self.output(0);
        let (mut args, mut layouts) = (vec![], vec![]);
        for source in &chain.inputs {
            let place = self.source_place(*source);
            let (arg, layout) = self.bind(&place);
            args.push(arg);
            layouts.push(layout.expand(&shape));
        }
        args.push(out);
        self.launch(Map::new(chain.program(), &layouts, Layout::contiguous(&shape)), &args);
    }

    fn view(&mut self, view: &View, meta: &Meta) -> Place {
        let place = self.input_place(0);
        let layout = match view {
            View::Alias => place.layout,
            View::Permute(order) => place.layout.permute(order),
            View::Expand => place.layout.expand(&meta.shape),
            View::Slice { dim, start, len, step } => place.layout.slice(*dim, *start, *len, *step),
            View::Reshape => match place.layout.reshape(&meta.shape) {
                Some(layout) => layout,
                None => {
                    let arg = self.copy_dense(&place, meta.dtype);
                    return Place { slot: arg.slot, layout: Layout::contiguous(&meta.shape) };
                }
            },
        };
        Place { slot: place.slot, layout }
    }

    fn source_place(&self, source: Source) -> Place {
        match source {
            Source::Leaf(leaf) => self.leaves[leaf].clone(),
            Source::Node(node, output) => {
                self.places[node][output].clone().expect("inputs are lowered first")
            }
        }
    }

    fn input_place(&self, i: usize) -> Place {
        self.source_place(self.wiring.inputs[self.node][i])
    }

    /// The smallest bindable range that covers a place, and the layout inside of it.
    fn bind(&self, place: &Place) -> (Arg, Layout) {
        let layout = &place.layout;
        if layout.numel() == 0 {
            // Its offset may be the end of the memory.
            let moved = Layout::new(layout.shape().to_vec(), layout.strides().to_vec(), 0);
            return (Arg { slot: place.slot, offset: 0, bytes: 0 }, moved);
        }
        let reach = layout.shape().iter().zip(layout.strides()).map(|(&n, &s)| (n - 1) as isize * s);
        let (mut low, mut high) = (layout.offset() as isize, layout.offset() as isize);
        for step in reach {
            if step < 0 { low += step } else { high += step }
        }
        let base = low as usize / ALIGN * ALIGN;
        let moved = Layout::new(layout.shape().to_vec(), layout.strides().to_vec(), layout.offset() - base);
        let bytes = (high as usize + 1 - base) * DType::BYTES;
        (Arg { slot: place.slot, offset: base * DType::BYTES, bytes }, moved)
    }

    /// Copies a place into a dense temporary.
    fn copy_dense(&mut self, place: &Place, dtype: DType) -> Arg {
        let (arg, layout) = self.bind(place);
        let out = self.temp(layout.numel());
        let dense = Layout::contiguous(layout.shape());
        self.launch(Map::copy(dtype, &layout, dense), &[arg, out]);
        out
    }

    /// Whether the plan is for the CPU or a GPU.
    pub fn target(&self) -> Target {
        self.device.target()
    }

    /// Shape and type of input `i`.
    pub fn input_meta(&self, i: usize) -> Meta {
        self.request.nodes[self.node].state().inputs[i].meta().clone()
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
        self.bind(&self.input_place(i))
    }

    /// Input `i`, dense in row-major order; copied where it is not.
    pub fn dense(&mut self, i: usize) -> Arg {
        let place = self.input_place(i);
        let dtype = self.input_meta(i).dtype;
        let aligned = place.layout.offset().is_multiple_of(ALIGN);
        if place.layout.numel() > 0 && place.layout.is_contiguous() && aligned {
            let bytes = place.layout.numel() * DType::BYTES;
            return Arg { slot: place.slot, offset: place.layout.offset() * DType::BYTES, bytes };
        }
        self.copy_dense(&place, dtype)
    }

    /// Memory for output `i`, dense.
    pub fn output(&mut self, i: usize) -> Arg {
        let meta = self.output_meta(i).clone();
        let bytes = meta.numel() * DType::BYTES;
        let kind = if self.wiring.wanted[self.node] { SlotKind::Output } else { SlotKind::Temp };
        let slot = self.slot(kind, bytes, Role::Activation);
        self.places[self.node][i] = Some(Place { slot, layout: Layout::contiguous(&meta.shape) });
        Arg { slot, offset: 0, bytes }
    }

    /// Memory that holds input `i` and becomes output `o`: the input's own where nobody else needs it, else a copy. To
    /// be called in the order of the op's [`in_place`](crate::KernelOp::in_place) pairs.
    pub fn in_place(&mut self, i: usize, o: usize) -> Arg {
        if self.donated.pop_front().expect("one decision an in-place pair") {
            let place = self.input_place(i);
            let arg = Arg { slot: place.slot, offset: 0, bytes: place.layout.numel() * DType::BYTES };
            self.places[self.node][o] = Some(place);
            return arg;
        }
        let (arg, layout) = self.input(i);
        let out = self.output(o);
        let dense = Layout::contiguous(layout.shape());
        self.launch(Map::copy(self.input_meta(i).dtype, &layout, dense), &[arg, out]);
        out
    }

    /// Temporary memory for `numel` elements, alive from its first to its last launch.
    pub fn temp(&mut self, numel: usize) -> Arg {
        let bytes = numel * DType::BYTES;
        let slot = self.slot(SlotKind::Temp, bytes, Role::Activation);
        Arg { slot, offset: 0, bytes }
    }

    /// Appends a launch; scratch memory that the kernel asks for is added. A launch that writes nothing is left out.
    pub fn launch(&mut self, kernel: impl Kernel + 'static, args: &[Arg]) {
        let access = kernel.access();
        if access.iter().zip(args).all(|(a, arg)| *a == gpu_core::Access::Read || arg.bytes == 0) {
            return;
        }
        let sizes: Vec<usize> = args.iter().map(|arg| arg.bytes).collect();
        let kernel = self.device.tuned(Arc::new(kernel), &sizes);
        let mut args = args.to_vec();
        let scratch = kernel.scratch(self.target());
        if scratch > 0 {
            args.push(self.temp(scratch.div_ceil(DType::BYTES)));
        }
        self.launches.push(Launch::new(kernel, args));
    }

    /// Copies `input` (a range and its layout) into a part of an output.
    pub fn copy_into(&mut self, dtype: DType, input: (Arg, Layout), out: Arg, part: Layout) {
        if part.numel() > 0 {
            self.launch(Map::new(Program::identity(dtype), &[input.1], part), &[input.0, out]);
        }
    }

    /// A matrix product of strided operands.
    pub(crate) fn matmul(&mut self, a: (Arg, Layout), b: (Arg, Layout), out: Arg) {
        self.launch(MatMul::new(a.1, b.1), &[a.0, b.0, out]);
    }
}
