//! The plain recurrent cell (Elman 1990).

use gpu_core::kernels;

use super::{RnnOutput, Sizes, all, arrays, input_gradients, last, project, sequence, state_weight_gradient};
use crate::Tensor;
use crate::compile::Lower;
use crate::gradient::decomposed;
use crate::op::KernelOp;

/// The non-linearity of a plain recurrent cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RnnNonlinearity {
    /// The default, as in `torch.nn.RNN`.
    #[default]
    Tanh,
    /// `max(x, 0)`
    Relu,
}

/// A plain recurrent cell over the sequence `x [T, N, I]` from state `h0 [N, H]`, with `w_ih [H, I]`, `w_hh [H, H]` and
/// biases `[H]`: `h = f(x w_ih^T + b_ih + h w_hh^T + b_hh)` at every step.
///
/// # Panics
/// When the shapes do not fit, or there are no steps.
///
/// ```
/// # use autograd::{Device, RnnNonlinearity, Tensor, rnn};
/// let device = Device::named("cpu")?;
/// let (x, zero) = (Tensor::ones(&device, &[3, 1, 1]), Tensor::zeros(&device, &[1, 1]));
/// let one = Tensor::ones(&device, &[1, 1]);
/// let out = rnn(&x, &zero, &one, &one, None, None, RnnNonlinearity::Relu);
/// assert_eq!(out.y.to_vec::<f32>()?, [1.0, 2.0, 3.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[track_caller]
pub fn rnn(
    x: &Tensor,
    h0: &Tensor,
    w_ih: &Tensor,
    w_hh: &Tensor,
    b_ih: Option<&Tensor>,
    b_hh: Option<&Tensor>,
    nonlinearity: RnnNonlinearity,
) -> RnnOutput {
    let sizes = Sizes::new("rnn", 1, x, &[h0], w_ih, w_hh);
    let bias = sizes.biases("rnn", b_ih, b_hh, x.device());
    let outputs = vec![sizes.meta(sizes.hidden)];
    let y = Tensor::record(Rnn(nonlinearity), &[x, w_ih, w_hh, &bias, h0], outputs).remove(0);
    RnnOutput { h: last(&y), y }
}

/// The plain recurrent op. Inputs: `x`, `w_ih`, `w_hh`, the bias and `h0`. Output: the states of all steps.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) struct Rnn(RnnNonlinearity);

impl Rnn {
    pub(super) fn relu(self) -> bool {
        self.0 == RnnNonlinearity::Relu
    }
}

impl KernelOp for Rnn {
    fn name(&self) -> &'static str {
        "rnn"
    }

    fn lower(&self, cx: &mut Lower) {
        let sequence = sequence(cx);
        let a = cx.temp(sequence.steps * sequence.batch * sequence.hidden);
        project(cx, a);
        let [w_hh, bias, h0] = [2, 3, 4].map(|i| cx.dense(i));
        let y = cx.output(0);
        cx.launch(kernels::Rnn::new(sequence, self.relu()), &[w_hh, bias, h0, a, y]);
    }

    fn gradient(
        &self,
        inputs: &[Tensor],
        outputs: &[Tensor],
        grads: &[Option<Tensor>],
    ) -> Vec<Option<Tensor>> {
        let ([x, w_ih, w_hh, bias, h0], y) = (arrays(inputs), &outputs[0]);
        let Some(dy) = &grads[0] else { return vec![None; 5] };
        let shapes = vec![y.meta().clone(), h0.meta().clone()];
        let found = Tensor::record(RnnGrad(*self), &[x, w_ih, w_hh, bias, h0, y, dy], shapes);
        let (da, dh0) = (&found[0].as_halves_like(w_ih), &found[1]);
        let [dx, dw_ih] = input_gradients(da, x, w_ih);
        let dw_hh = state_weight_gradient(da, h0, y);
        [dx, dw_ih, dw_hh, da.sum(&[0, 1], false), dh0.clone()].map(Some).into()
    }
}

/// The gradients before the non-linearity, and of the initial state. Inputs: those of [`Rnn`], its states and their gradients.
#[derive(Debug, Hash)]
struct RnnGrad(Rnn);

impl KernelOp for RnnGrad {
    fn name(&self) -> &'static str {
        "rnn_grad"
    }

    fn lower(&self, cx: &mut Lower) {
        let sequence = sequence(cx);
        let [w_hh, y, dy] = [2, 5, 6].map(|i| cx.dense(i));
        let [da, dh0] = [0, 1].map(|o| cx.output(o));
        cx.launch(kernels::RnnGrad::new(sequence, self.0.relu()), &[w_hh, y, dy, da, dh0]);
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        decomposed(inputs, grads, |inputs| {
            let [x, w_ih, w_hh, bias, h0] = arrays(&inputs[..5]);
            let cell = [x.linear(w_ih, Some(bias)), w_hh.clone(), h0.clone()];
            let grads = [Some(inputs[6].clone())];
            let found = decomposed(&cell, &grads, |inputs| vec![self.0.unrolled(arrays(inputs))]);
            let [da, _, dh0] = <[Option<Tensor>; 3]>::try_from(found).expect("three inputs");
            [da, dh0].map(|d| d.expect("every step depends on it")).into()
        })
    }
}

impl Rnn {
    /// States of all steps, from `x w_ih^T + bias`, `w_hh` and `h0`.
    fn unrolled(self, [a, w_hh, h0]: &[Tensor; 3]) -> Tensor {
        let mut h = h0.clone();
        let mut y = vec![];
        for a in a.unbind(0) {
            let sum = a + h.linear(w_hh, None);
            h = if self.relu() { sum.relu() } else { sum.tanh() };
            y.push(h.clone());
        }
        all(&y)
    }
}
