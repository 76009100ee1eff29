//! The value of a source while its consumers are lowered: a place in memory or an expression.

use gpu_core::{DType, Half, Target};

use super::Lower;
use crate::compile::expr::Expr;
use crate::compile::place::{self, Place, Value};
use crate::compile::request::Source;

impl Lower<'_> {
    pub(super) fn value(&self, source: Source) -> &Value {
        match source {
            Source::Leaf(leaf) => &self.leaves[leaf],
            Source::Node(node, output) => {
                self.values[node][output].as_ref().expect("inputs are lowered first")
            }
        }
    }

    pub(super) fn source_expr(&self, source: Source) -> Expr {
        match self.value(source) {
            Value::Computed(expr) => expr.clone(),
            Value::Memory(place) => Expr::load(place.clone(), self.dtype(source)),
        }
    }

    pub(super) fn dtype(&self, source: Source) -> DType {
        match source {
            Source::Leaf(leaf) => self.wiring.leaves[leaf].dtype(),
            Source::Node(node, output) => self.request.nodes[node].outputs[output].dtype,
        }
    }

    /// The source in memory, packed if possible. An expression is computed into memory, and all later consumers read it there.
    pub(super) fn source_memory(&mut self, source: Source) -> Place {
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

    /// The half type that the values of a source are packed as, if they are.
    pub(super) fn half(&self, source: Source) -> Option<Half> {
        let Source::Node(node, output) = source else { return None };
        let meta = &self.request.nodes[node].outputs[output];
        let packs = self.target() == Target::Cpu || place::packs_on_gpus(meta);
        self.request.nodes[node].half.filter(|_| packs)
    }
}
