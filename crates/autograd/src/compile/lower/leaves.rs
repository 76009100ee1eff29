//! Where the leaves of a plan lie in memory.

use gpu_core::{Layout, Role, limits};

use super::Lower;
use crate::compile::expr::Expr;
use crate::compile::place::{ALIGN, Place, SlotKind, Value};
use crate::op::Op;

impl Lower<'_> {
    pub(super) fn place_leaves(&mut self) {
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
}
