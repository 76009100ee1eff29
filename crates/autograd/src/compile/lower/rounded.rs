//! Leaves rounded to halves, such as the weights of products: one launch for all parameters that share a buffer, unless there is a copy.

use foldhash::HashMap;
use gpu_core::kernels::Unary;
use gpu_core::{DType, Half, Layout, Role};

use super::Lower;
use crate::compile::expr::Expr;
use crate::compile::place::{self, Place, SlotKind, Value};
use crate::compile::request::{Request, Source, Wiring};
use crate::op::{MapOp, Op};

/// What is rounded of each buffer of leaves.
#[derive(Default)]
pub(super) struct Rounded {
    /// The number of elements that nodes round, by the buffer's number.
    elements: HashMap<(usize, Half), usize>,
    /// The slots of the copies made so far.
    copies: HashMap<(usize, Half), usize>,
}

impl Rounded {
    pub fn new(request: &Request, wiring: &Wiring) -> Rounded {
        let mut elements = HashMap::default();
        for (n, node) in request.nodes.iter().enumerate().filter(|(n, _)| wiring.live[*n]) {
            let Op::Map(MapOp::Unary(Unary::AsHalf(half))) = node.op else { continue };
            let mut source = wiring.inputs[n][0];
            while let Source::Node(n, _) = source
                && request.nodes[n].is_view()
            {
                source = wiring.inputs[n][0];
            }
            if let Source::Leaf(leaf) = source
                && let Some((buffer, _)) = wiring.places[leaf]
            {
                *elements.entry((buffer, half)).or_default() += node.outputs[0].numel();
            }
        }
        Rounded { elements, copies: HashMap::default() }
    }
}

impl Lower<'_> {
    /// The rounded values of a source that is a part of a buffer of leaves, in a copy of the whole buffer, with the same layout; `None` for
    /// another source, and if little of the buffer is rounded.
    pub(super) fn rounded_leaf(&mut self, source: Source, half: Half) -> Option<Place> {
        let Value::Memory(from) = self.value(source).clone() else { return None };
        let SlotKind::Leaf(buffer) = self.slots[from.slot].kind else { return None };
        let count = self.slots[from.slot].bytes / DType::BYTES;
        if 2 * self.rounded.elements.get(&(buffer, half))? < count {
            return None;
        }
        let known = self.wiring.rounded.iter().find(|known| (known.of, known.half) == (buffer, half));
        let slot = match (self.rounded.copies.get(&(buffer, half)), known) {
            (Some(&slot), _) => slot,
            (None, Some(known)) => {
                let slot =
                    self.slot(SlotKind::Leaf(known.copy), place::bytes(count, Some(half)), Role::Input);
                self.rounded.copies.insert((buffer, half), slot);
                slot
            }
            (None, None) => {
                let whole = Layout::contiguous(&[count]);
                let slot = self.slot(SlotKind::Temp, place::bytes(count, Some(half)), Role::Activation);
                let expr = Expr::load(Place::new(from.slot, whole.clone()), DType::F32);
                self.write(expr.unary(Unary::AsHalf(half)), Place { slot, layout: whole, half: Some(half) });
                self.rounded.copies.insert((buffer, half), slot);
                slot
            }
        };
        Some(Place { slot, layout: from.layout, half: Some(half) })
    }
}
