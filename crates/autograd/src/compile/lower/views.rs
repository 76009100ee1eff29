//! Views: changed layouts of memory and of the operands of expressions.

use gpu_core::Layout;

use super::Lower;
use crate::compile::expr::Expr;
use crate::compile::place::{Place, Value};
use crate::op::{Meta, View};

impl Lower<'_> {
    pub(super) fn view(&mut self, view: &View, meta: &Meta) -> Value {
        let source = self.wiring.inputs[self.node][0];
        let seen = |layout: &Layout| match view {
            View::Alias | View::Recompute => Some(layout.clone()),
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
}
