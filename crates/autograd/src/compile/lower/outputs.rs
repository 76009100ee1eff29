//! Memory for the outputs of the node being lowered, including those that are parts of concatenated tensors.

use gpu_core::kernels::Packed;
use gpu_core::{Access, Arg, DType, Half, Launch, Layout, Role, Target};

use super::Lower;
use crate::compile::expr::Expr;
use crate::compile::place::{self, Place, SlotKind, Value};
use crate::compile::request::Source;
use crate::compile::schedule::Step;
use crate::op::Meta;

impl Lower<'_> {
    /// Shape and type of output `i`.
    pub fn output_meta(&self, i: usize) -> &Meta {
        &self.request.nodes[self.node].outputs[i]
    }

    /// Memory for output `i`, dense in row-major order.
    pub fn output(&mut self, i: usize) -> Arg {
        let (arg, layout) = self.output_layout(i);
        debug_assert!(
            layout.is_contiguous() || layout.numel() == 0,
            "an op that produces {layout:?} asks for output_layout"
        );
        arg
    }

    /// Memory for output `i`, and the order of its elements there: a permutation of a dense layout that the op
    /// [`produces`](crate::KernelOp::produces).
    pub fn output_layout(&mut self, i: usize) -> (Arg, Layout) {
        let place = self.place_output(self.node, i);
        let offset = place.layout.offset() * DType::BYTES;
        let bytes = place::bytes(place.layout.numel(), place.half);
        (Arg { slot: place.slot, offset, bytes }, place.layout.at(0))
    }

    /// Makes `expr` output `o`: stored by a launch if that pays, else computed by the launches that read it.
    pub fn computed(&mut self, o: usize, expr: Expr) {
        if self.stored[self.node][o] {
            let half = self.half(Source::Node(self.node, o)).filter(|_| !self.joins_single_stores(&expr));
            let place = self.place_as(self.node, o, half);
            self.write(expr, place);
        } else {
            self.inlined += 1;
            self.values[self.node][o] = Some(Value::Computed(expr));
        }
    }

    /// Whether the code becomes an epilogue of a launch that stores single elements, which can't be packed.
    fn joins_single_stores(&self, expr: &Expr) -> bool {
        let writes = |slot: usize, step: &&Step| step.ranges().1.iter().any(|arg| arg.slot == slot);
        let singly = |slot: usize| {
            let Some(Step::Kernel(launch)) = self.steps.iter().rev().find(|step| writes(slot, step)) else {
                return false;
            };
            let whole = self.slots[slot].kind == SlotKind::Temp
                && self.slots[slot].bytes == expr.numel() * DType::BYTES;
            whole && launch.kernel().emits() && !stores_vectors(launch, slot)
        };
        self.target() == Target::Gpu && expr.slots().into_iter().any(singly)
    }

    fn place_output(&mut self, node: usize, output: usize) -> Place {
        self.place_as(node, output, self.half(Source::Node(node, output)))
    }

    /// Decides where an output lies: in the tensor that it is a part of, or in a slot of its own, packed if `half` is given and nothing outside
    /// of the plan reads it.
    fn place_as(&mut self, node: usize, output: usize, half: Option<Half>) -> Place {
        let place = match self.parts.get(&(node, output)).cloned() {
            Some(part) => {
                let whole = self.place_concatenated(part.whole);
                let offset = whole.layout.offset() + part.layout.offset();
                Place::new(whole.slot, part.layout.at(offset))
            }
            None => {
                let layout = Layout::contiguous(&self.request.nodes[node].outputs[output].shape);
                let (kind, half) = match self.wiring.wanted[node] {
                    true if self.wiring.packed.contains(&node) => {
                        (SlotKind::Output, self.request.nodes[node].half)
                    }
                    true => (SlotKind::Output, None),
                    false => (SlotKind::Temp, half),
                };
                let slot = self.slot(kind, place::bytes(layout.numel(), half), Role::Activation);
                Place { slot, layout, half }
            }
        };
        self.values[node][output] = Some(Value::Memory(place.clone()));
        place
    }

    /// The memory of a node that concatenates its inputs, allocated when the first of them is produced.
    fn place_concatenated(&mut self, node: usize) -> Place {
        match &self.values[node][0] {
            Some(Value::Memory(place)) => place.clone(),
            _ => self.place_output(node, 0),
        }
    }

    /// Output `o`, already computed, as an operand.
    pub fn output_expr(&self, o: usize) -> Expr {
        self.source_expr(Source::Node(self.node, o))
    }

    /// Output 0 of an op that [concatenates](crate::KernelOp::concatenates) its inputs, some of which may lie in it already.
    pub fn concatenated_output(&mut self) -> Arg {
        let place = self.place_concatenated(self.node);
        let (offset, bytes) = (place.layout.offset() * DType::BYTES, place.layout.numel() * DType::BYTES);
        Arg { slot: place.slot, offset, bytes }
    }

    /// Whether the inputs are slices of one tensor in memory with the layouts that `parts` have in the `whole` output, as the gradients
    /// of adjacent slices do. If so, that memory becomes the output. Never for an output that is kept or a part of another one.
    pub fn is_joined_in_place(&mut self, whole: &Layout, parts: &[Layout]) -> bool {
        let bound = self.wiring.wanted[self.node] || self.parts.contains_key(&(self.node, 0));
        if bound || self.values[self.node][0].is_some() {
            return false;
        }
        let places: Option<Vec<Place>> = (0..parts.len()).map(|i| self.expr(i).place().cloned()).collect();
        let Some(places) = places.filter(|places| !places.is_empty()) else { return false };
        let (slot, start) = (places[0].slot, places[0].layout.offset());
        // A leaf may be overwritten in place later on.
        if self.slots[slot].kind != SlotKind::Temp {
            return false;
        }
        let has_place = |(place, part): (&Place, &Layout)| {
            let along = |l: &Layout| -> Vec<isize> {
                l.shape().iter().zip(l.strides()).filter(|(n, _)| **n != 1).map(|(_, s)| *s).collect()
            };
            let there = place.slot == slot && place.half.is_none() && along(&place.layout) == along(part);
            there && place.layout.offset() == start + part.offset()
        };
        let joined = places.iter().zip(parts).all(has_place);
        if joined {
            self.values[self.node][0] = Some(Value::Memory(Place::new(slot, whole.at(start))));
        }
        joined
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
}

/// Whether the launch can pack its result in a slot, as any type of halves.
fn stores_vectors(launch: &Launch, slot: usize) -> bool {
    let access = launch.kernel().access();
    let result = |at: &usize| access[*at] == Access::Write && launch.args()[*at].slot == slot;
    let Some(at) = (0..access.len()).find(result) else { return false };
    let count = launch.args()[at].bytes / DType::BYTES;
    Packed::one(Target::Gpu, launch.kernel().clone(), at, Half::F16, count).is_some()
}
