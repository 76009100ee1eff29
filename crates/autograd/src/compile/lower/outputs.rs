//! Memory for the outputs of the node that is lowered, and the parts of concatenated tensors among them.

use gpu_core::{Arg, DType, Layout, Role};

use super::Lower;
use crate::compile::expr::Expr;
use crate::compile::place::{self, Place, SlotKind, Value};
use crate::compile::request::Source;
use crate::op::Meta;

impl Lower<'_> {
    /// Shape and type of output `i`.
    pub fn output_meta(&self, i: usize) -> &Meta {
        &self.request.nodes[self.node].outputs[i]
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

    /// Output 0 of an op that [concatenates](crate::KernelOp::concatenates) its inputs, some of which may lie in it already.
    pub fn concatenated_output(&mut self) -> Arg {
        let (slot, start) = self.concatenated(self.node);
        Arg { slot, offset: start * DType::BYTES, bytes: self.output_meta(0).numel() * DType::BYTES }
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
