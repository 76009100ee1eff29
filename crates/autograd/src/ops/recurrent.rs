//! Recurrent cells over whole sequences: one node per layer and direction.
//!
//! The products of the inputs with `w_ih` are one matrix product over all steps, and so are the gradients of the weights; only the
//! products with the state are computed step by step, inside of the kernels.

mod gru;
mod lstm;
mod rnn;

pub use gru::gru;
pub use lstm::{LstmOutput, lstm};
pub use rnn::{RnnNonlinearity, rnn};

use std::any::Any;

use gpu_core::kernels::Sequence;
use gpu_core::{Arg, DType, Layout};

use crate::compile::Lower;
use crate::graph::Operation;
use crate::op::Meta;
use crate::{Tensor, stack};

/// Results of [`gru`] and [`rnn`].
pub struct RnnOutput {
    /// The state after every step, `[T, N, H]`.
    pub y: Tensor,
    /// The last state, `[N, H]`.
    pub h: Tensor,
}

/// Sizes of a cell with `gates` gates over a sequence.
#[derive(Clone, Copy)]
struct Sizes {
    steps: usize,
    batch: usize,
    hidden: usize,
    gates: usize,
}

impl Sizes {
    /// # Panics
    /// When the shapes do not fit.
    #[track_caller]
    fn new(op: &str, gates: usize, x: &Tensor, states: &[&Tensor], w_ih: &Tensor, w_hh: &Tensor) -> Sizes {
        let &[steps, batch, inputs] = x.shape() else { panic!("{op}: input {:?}", x.shape()) };
        let hidden = w_hh.shape().last().copied().unwrap_or(0);
        assert!(steps > 0 && hidden > 0, "{op}: input {:?} and state weight {:?}", x.shape(), w_hh.shape());
        let wanted = [(w_ih, [gates * hidden, inputs]), (w_hh, [gates * hidden, hidden])];
        for (w, shape) in wanted {
            assert!(
                w.shape() == shape,
                "{op}: weight {:?}, not {shape:?}, for input {:?}",
                w.shape(),
                x.shape()
            );
        }
        for state in states {
            let shape = [batch, hidden];
            assert!(state.shape() == shape, "{op}: state {:?}, not {shape:?}", state.shape());
        }
        for t in [x, w_ih, w_hh].into_iter().chain(states.iter().copied()) {
            t.expect_float(op);
        }
        Sizes { steps, batch, hidden, gates }
    }

    /// Shape and type of `[T, N, width]`.
    fn meta(&self, width: usize) -> Meta {
        Meta::new(&[self.steps, self.batch, width], DType::F32)
    }

    /// The given bias, or zeros.
    #[track_caller]
    fn bias(&self, op: &str, given: Option<&Tensor>, device: &crate::Device) -> Tensor {
        let shape = [self.gates * self.hidden];
        let Some(bias) = given else { return Tensor::zeros(device, &shape) };
        assert!(bias.shape() == shape, "{op}: bias {:?}, not {shape:?}", bias.shape());
        bias.expect_float(op);
        bias.clone()
    }

    /// The sum of both biases.
    #[track_caller]
    fn biases(
        &self,
        op: &str,
        b_ih: Option<&Tensor>,
        b_hh: Option<&Tensor>,
        device: &crate::Device,
    ) -> Tensor {
        match (b_ih, b_hh) {
            (Some(_), Some(_)) => self.bias(op, b_ih, device) + self.bias(op, b_hh, device),
            _ => self.bias(op, b_ih.or(b_hh), device),
        }
    }
}

/// The last step `[N, width]` of `x [T, N, width]`.
fn last(x: &Tensor) -> Tensor {
    x.select(0, x.shape()[0] - 1)
}

/// The kernel's sizes, from the op's first output `[T, N, H]`.
fn sequence(cx: &Lower) -> Sequence {
    let shape = &cx.output_meta(0).shape;
    Sequence { steps: shape[0], batch: shape[1], hidden: shape[2] }
}

/// Whether an op is one of the cells.
pub(super) fn is_cell(op: &dyn Any) -> bool {
    op.is::<rnn::Rnn>() || op.is::<gru::Gru>() || op.is::<lstm::Lstm>()
}

/// The description of an op that is one of the cells.
pub(super) fn cell(op: &dyn Any) -> Option<Operation> {
    if let Some(rnn) = op.downcast_ref::<rnn::Rnn>() {
        return Some(Operation::Rnn { relu: rnn.relu() });
    }
    let gru = op.is::<gru::Gru>().then_some(Operation::Gru);
    gru.or_else(|| op.is::<lstm::Lstm>().then_some(Operation::Lstm))
}

/// Writes the products of input 0, `[T, N, I]`, with input 1, `[G, I]`, to `out`, `[T, N, G]`.
fn project(cx: &mut Lower, out: Arg) {
    let (x, w) = (cx.input_meta(0).shape, cx.input(1));
    let rows = Layout::contiguous(&[x[0] * x[1], x[2]]);
    let x = (cx.dense(0), rows);
    cx.matmul(x, (w.0, w.1.permute(&[1, 0])), out);
}

/// Gradients of `x [T, N, I]` and `w_ih [G, I]`, given the gradient of `x w_ih^T`, `[T, N, G]`.
fn input_gradients(da: &Tensor, x: &Tensor, w_ih: &Tensor) -> [Tensor; 2] {
    let (rows, inputs) = (x.shape()[0] * x.shape()[1], x.shape()[2]);
    let da = da.reshape(&[rows, w_ih.shape()[0]]);
    [da.matmul(w_ih).reshape(x.shape()), da.t().matmul(&x.reshape(&[rows, inputs]))]
}

/// Gradient of `w_hh [G, H]`, given the gradient of its products with the states before every step, `[T, N, G]`.
fn state_weight_gradient(db: &Tensor, h0: &Tensor, y: &Tensor) -> Tensor {
    let (steps, batch, hidden) = (y.shape()[0], y.shape()[1], y.shape()[2]);
    let first = db.select(0, 0).t().matmul(h0);
    if steps == 1 {
        return first;
    }
    let rows = (steps - 1) * batch;
    let rest = db.narrow(0, 1, steps - 1).reshape(&[rows, db.shape()[2]]);
    first + rest.t().matmul(&y.narrow(0, 0, steps - 1).reshape(&[rows, hidden]))
}

/// A list of known length as an array.
fn arrays<const K: usize>(tensors: &[Tensor]) -> &[Tensor; K] {
    tensors.try_into().expect("as many as the op has")
}

/// The steps stacked to one tensor.
fn all(steps: &[Tensor]) -> Tensor {
    stack(&steps.iter().collect::<Vec<_>>(), 0)
}
