//! Long short-term memory (Hochreiter and Schmidhuber 1997).

use gpu_core::DType;
use gpu_core::kernels;

use super::{Sizes, all, arrays, input_gradients, last, project, sequence, state_weight_gradient};
use crate::compile::Lower;
use crate::gradient::decomposed;
use crate::op::{KernelOp, Meta};
use crate::{Tensor, stack};

/// Results of [`lstm`].
pub struct LstmOutput {
    /// The state after every step, `[T, N, H]`.
    pub y: Tensor,
    /// The last state, `[N, H]`.
    pub h: Tensor,
    /// The last cell, `[N, H]`.
    pub c: Tensor,
    /// The cell after every step, `[T, N, H]`.
    pub cells: Tensor,
}

/// An LSTM over the sequence `x [T, N, I]` from state `h0 [N, H]` and cell `c0 [N, H]`, with `w_ih [4H, I]`, `w_hh [4H, H]` and biases
/// `[4H]`, all in PyTorch's order of gates i, f, g, o. At every step, `a = x w_ih^T + b_ih + h w_hh^T + b_hh`,
/// `c = sigmoid(a_f) c + sigmoid(a_i) tanh(a_g)` and `h = sigmoid(a_o) tanh(c)`. For the reverse direction, flip `x` and `y` along the
/// steps.
///
/// # Panics
/// When the shapes do not fit, or there are no steps.
///
/// ```
/// # use autograd::{Device, Tensor, lstm};
/// let device = Device::named("cpu")?;
/// let (x, zero) = (Tensor::ones(&device, &[2, 1, 3]), Tensor::zeros(&device, &[1, 1]));
/// // All gates are sigmoid(0) = 1/2, candidates tanh(0) = 0: the cell halves at every step.
/// let (w_ih, w_hh) = (Tensor::zeros(&device, &[4, 3]), Tensor::zeros(&device, &[4, 1]));
/// let out = lstm(&x, &zero, &Tensor::ones(&device, &[1, 1]), &w_ih, &w_hh, None, None);
/// assert_eq!(out.c.to_vec::<f32>()?, [0.25]);
/// assert_eq!(out.y.shape(), [2, 1, 1]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[track_caller]
pub fn lstm(
    x: &Tensor,
    h0: &Tensor,
    c0: &Tensor,
    w_ih: &Tensor,
    w_hh: &Tensor,
    b_ih: Option<&Tensor>,
    b_hh: Option<&Tensor>,
) -> LstmOutput {
    let sizes = Sizes::new("lstm", 4, x, &[h0, c0], w_ih, w_hh);
    let bias = sizes.biases("lstm", b_ih, b_hh, x.device());
    let outputs = vec![sizes.meta(sizes.hidden), sizes.meta(4 * sizes.hidden), sizes.meta(sizes.hidden)];
    let outputs = Tensor::record(Lstm, &[x, w_ih, w_hh, &bias, h0, c0], outputs);
    let [y, _, cells] = <[Tensor; 3]>::try_from(outputs).expect("three outputs");
    LstmOutput { h: last(&y), c: last(&cells), y, cells }
}

/// The LSTM op. Inputs: `x`, `w_ih`, `w_hh`, the bias, `h0` and `c0`. Outputs: the states, the gates and the cells of all steps.
#[derive(Debug, Hash)]
pub(super) struct Lstm;

impl KernelOp for Lstm {
    fn name(&self) -> &'static str {
        "lstm"
    }

    fn lower(&self, cx: &mut Lower) {
        let sequence = sequence(cx);
        let [y, gates, cells] = [0, 1, 2].map(|o| cx.output(o));
        project(cx, gates);
        let [w_hh, bias, h0, c0] = [2, 3, 4, 5].map(|i| cx.dense(i));
        cx.launch(kernels::Lstm::new(sequence), &[w_hh, bias, h0, c0, gates, cells, y]);
    }

    fn gradient(
        &self,
        inputs: &[Tensor],
        outputs: &[Tensor],
        grads: &[Option<Tensor>],
    ) -> Vec<Option<Tensor>> {
        let ([x, w_ih, _, _, h0, _], [y, gates, cells]) = (arrays(inputs), arrays(outputs));
        let dy = grads[0].clone().unwrap_or_else(|| y.zeros_like());
        let mut given: Vec<&Tensor> = inputs.iter().chain([gates, cells, &dy]).collect();
        given.extend(&grads[2]);
        let states = Meta::new(&[2, h0.shape()[0], h0.shape()[1]], DType::F32);
        let found = Tensor::record(LstmGrad, &given, vec![gates.meta().clone(), states]);
        let (dgates, dstates) = (&found[0].as_halves_like(w_ih), &found[1]);
        let [dx, dw_ih] = input_gradients(dgates, x, w_ih);
        let dw_hh = state_weight_gradient(dgates, h0, y);
        let (dh0, dc0) = (dstates.select(0, 0), dstates.select(0, 1));
        [dx, dw_ih, dw_hh, dgates.sum(&[0, 1], false), dh0, dc0].map(Some).into()
    }
}

/// The gradients before the gates' non-linearities, and of the initial state and cell. Inputs: those of [`Lstm`], its gates and cells,
/// the gradient of the states and optionally of the cells.
#[derive(Debug, Hash)]
struct LstmGrad;

impl KernelOp for LstmGrad {
    fn name(&self) -> &'static str {
        "lstm_grad"
    }

    fn lower(&self, cx: &mut Lower) {
        let cells = cx.inputs() == 10;
        let mut args: Vec<_> =
            [2, 6, 7, 8].into_iter().chain(cells.then_some(9)).map(|i| cx.dense(i)).collect();
        let shape = cx.input_meta(7).shape;
        let sequence = kernels::Sequence { steps: shape[0], batch: shape[1], hidden: shape[2] };
        args.extend([cx.output(0), cx.output(1)]);
        cx.launch(kernels::LstmGrad::new(sequence, cells), &args);
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        decomposed(inputs, grads, |inputs| {
            let [x, w_ih, w_hh, bias, h0, c0] = arrays(&inputs[..6]);
            let cell = [x.linear(w_ih, Some(bias)), w_hh.clone(), h0.clone(), c0.clone()];
            let grads = [Some(inputs[8].clone()), inputs.get(9).cloned()];
            let found = decomposed(&cell, &grads, |inputs| unrolled(arrays(inputs)));
            let [da, _, dh0, dc0] = <[Option<Tensor>; 4]>::try_from(found).expect("four inputs");
            let of = |d: Option<Tensor>, x: &Tensor| d.unwrap_or_else(|| x.zeros_like());
            vec![of(da, &cell[0]), stack(&[&of(dh0, h0), &of(dc0, c0)], 0)]
        })
    }
}

/// States and cells of all steps, from `x w_ih^T + bias`, `w_hh`, `h0` and `c0`.
fn unrolled([a, w_hh, h0, c0]: &[Tensor; 4]) -> Vec<Tensor> {
    let (mut h, mut c) = (h0.clone(), c0.clone());
    let (mut y, mut cells) = (vec![], vec![]);
    for a in a.unbind(0) {
        let gates = (a + h.linear(w_hh, None)).chunk(4, 1);
        let [i, f, g, o] = arrays(&gates);
        c = f.sigmoid() * c + i.sigmoid() * g.tanh();
        h = o.sigmoid() * c.tanh();
        y.push(h.clone());
        cells.push(c.clone());
    }
    vec![all(&y), all(&cells)]
}
