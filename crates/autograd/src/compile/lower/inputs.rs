//! The inputs of the node being lowered, in the form that its kernel takes: strided or dense memory, or an expression.

use gpu_core::kernels::{Halves, Prologue};
use gpu_core::{Arg, Half, Layout};

use super::Lower;
use crate::compile::expr::Expr;
use crate::compile::place::{Place, Value};
use crate::compile::request::Source;
use crate::op::Meta;

impl Lower<'_> {
    /// Shape and type of input `i`.
    pub fn input_meta(&self, i: usize) -> Meta {
        self.wiring.meta(self.request, self.wiring.inputs[self.node][i]).clone()
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.wiring.inputs[self.node].len()
    }

    /// Input `i` in its own layout: a range to bind and the layout inside of it. The kernel reads it as f32, even if it is packed.
    pub fn input(&mut self, i: usize) -> (Arg, Layout) {
        let source = self.wiring.inputs[self.node][i];
        let place = self.source_memory(source);
        let (arg, stored) = place.bind();
        self.note_halves(arg, source, &place);
        (arg, stored.layout)
    }

    /// Input `i`, dense in row-major order; copied if it is not. The kernel reads it as f32, even if it is packed.
    pub fn dense(&mut self, i: usize) -> Arg {
        let source = self.wiring.inputs[self.node][i];
        let dtype = self.dtype(source);
        let place = self.source_memory(source);
        match place.dense() {
            Some(arg) => {
                self.note_halves(arg, source, &place);
                arg
            }
            None => self.write_dense(Expr::load(place, dtype)),
        }
    }

    /// Notes that the kernel has to unpack an operand, if it is packed, or that its values are f16 nevertheless.
    fn note_halves(&mut self, arg: Arg, source: Source, place: &Place) {
        if let Source::Node(node, _) = source
            && place.half.is_none()
            && self.request.nodes[node].half == Some(Half::F16)
        {
            self.unpacked.push(arg);
        }
        let sizes = place.layout.shape().iter().zip(place.layout.strides());
        let touched = sizes.filter(|(_, stride)| **stride != 0).map(|(size, _)| *size).product();
        let halves = |half| Halves { half, count: arg.bytes / Half::BYTES, touched };
        self.packed.extend(place.half.map(|half| (arg, halves(half))));
    }

    /// Input `i` as an expression, to be computed by the launch that reads it.
    pub fn expr(&self, i: usize) -> Expr {
        self.source_expr(self.wiring.inputs[self.node][i])
    }

    /// Input `i` as a prologue, computed by the kernel as it reads: the buffers to bind, at most `buffers`, and the code.
    pub fn prologue(&mut self, i: usize, buffers: usize) -> (Vec<Arg>, Prologue) {
        let source = self.wiring.inputs[self.node][i];
        if let Value::Computed(expr) = self.value(source)
            && expr.slots().len() > buffers
        {
            self.source_memory(source);
        }
        self.prologue_of(self.source_expr(source), buffers)
    }

    pub(super) fn prologue_of(&mut self, mut expr: Expr, buffers: usize) -> (Vec<Arg>, Prologue) {
        if expr.slots().is_empty() || expr.slots().len() > buffers {
            let dtype = expr.dtype();
            expr = Expr::load(self.dense_temp(expr, None), dtype);
        }
        let (args, inputs) = expr.bind();
        (args, Prologue::shared(expr.program(), inputs))
    }
}
