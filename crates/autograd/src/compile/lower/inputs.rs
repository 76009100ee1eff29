//! The inputs of the node being lowered, in the form that its kernel takes: strided or dense memory, or an expression.

use gpu_core::kernels::Prologue;
use gpu_core::{Arg, DType, Layout};

use super::Lower;
use crate::compile::expr::Expr;
use crate::compile::place::{Place, Value};
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

    /// Input `i` in its own layout: a range to bind and the layout inside of it.
    pub fn input(&mut self, i: usize) -> (Arg, Layout) {
        let mut place = self.source_memory(self.wiring.inputs[self.node][i]);
        if place.half.is_some() {
            place = self.unpacked(place);
        }
        let (arg, stored) = place.bind();
        (arg, stored.layout)
    }

    /// Input `i`, dense in row-major order; copied if it is not.
    pub fn dense(&mut self, i: usize) -> Arg {
        let source = self.wiring.inputs[self.node][i];
        let dtype = self.dtype(source);
        let place = self.source_memory(source);
        place.dense().unwrap_or_else(|| self.write_dense(Expr::load(place, dtype)))
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

    /// A copy of packed values for a kernel that only reads f32. It is for this launch alone, so that only the packed values stay in
    /// memory; its elements are in memory order.
    fn unpacked(&mut self, packed: Place) -> Place {
        let (layout, order) = (&packed.layout, packed.memory_order());
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
}
