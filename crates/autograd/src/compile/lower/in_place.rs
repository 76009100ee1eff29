//! Outputs that overwrite an input in place.

use gpu_core::{Arg, DType, Layout};

use super::Lower;
use crate::compile::place::{Place, Value};
use crate::compile::request::Source;

impl Lower<'_> {
    /// Memory that holds input `i` and becomes output `o`: the input's own memory if it may be overwritten, else a copy. Must be called
    /// in the order of the op's [`in_place`](crate::KernelOp::in_place) pairs.
    pub fn in_place(&mut self, i: usize, o: usize) -> Arg {
        if self.donated.pop_front().expect("one decision an in-place pair") {
            let source = self.wiring.inputs[self.node][i];
            let place = self.source_memory(source);
            self.materialize_readers(place.slot);
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

    /// Computes every expression that reads a slot into memory, before the slot is overwritten.
    fn materialize_readers(&mut self, slot: usize) {
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
}
