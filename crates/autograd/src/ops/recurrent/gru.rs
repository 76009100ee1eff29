//! The gated recurrent unit (Cho et al. 2014), in PyTorch's form.

use gpu_core::kernels;

use super::{RnnOutput, Sizes, all, arrays, input_gradients, last, project, sequence, state_weight_gradient};
use crate::compile::Lower;
use crate::gradient::decomposed;
use crate::op::KernelOp;
use crate::{Tensor, cat};

/// A GRU over the sequence `x [T, N, I]` from state `h0 [N, H]`, with `w_ih [3H, I]`, `w_hh [3H, H]` and biases `[3H]`, all in
/// PyTorch's order of gates r, z, n. At every step, `a = x w_ih^T + b_ih`, `b = h w_hh^T + b_hh`, `r = sigmoid(a_r + b_r)`,
/// `z = sigmoid(a_z + b_z)`, `n = tanh(a_n + r b_n)` and `h = (1 - z) n + z h`.
///
/// # Panics
/// When the shapes do not fit, or there are no steps.
///
/// ```
/// # use autograd::{Device, Tensor, gru};
/// let device = Device::named("cpu")?;
/// let (x, one) = (Tensor::ones(&device, &[2, 1, 3]), Tensor::ones(&device, &[1, 1]));
/// // Gates are sigmoid(0) = 1/2, candidates tanh(0) = 0: the state halves at every step.
/// let (w_ih, w_hh) = (Tensor::zeros(&device, &[3, 3]), Tensor::zeros(&device, &[3, 1]));
/// assert_eq!(gru(&x, &one, &w_ih, &w_hh, None, None).y.to_vec::<f32>()?, [0.5, 0.25]);
/// # Ok::<(), autograd::Error>(())
/// ```
#[track_caller]
pub fn gru(
    x: &Tensor,
    h0: &Tensor,
    w_ih: &Tensor,
    w_hh: &Tensor,
    b_ih: Option<&Tensor>,
    b_hh: Option<&Tensor>,
) -> RnnOutput {
    let sizes = Sizes::new("gru", 3, x, &[h0], w_ih, w_hh);
    let h = sizes.hidden;
    let (a, b) = (sizes.bias("gru", b_ih, x.device()), sizes.bias("gru", b_hh, x.device()));
    let both = a.narrow(0, 0, 2 * h) + b.narrow(0, 0, 2 * h);
    let bias = cat(&[&both, &a.narrow(0, 2 * h, h), &b.narrow(0, 2 * h, h)], 0);
    let outputs = vec![sizes.meta(h), sizes.meta(3 * h), sizes.meta(h)];
    let y = Tensor::record(Gru, &[x, w_ih, w_hh, &bias, h0], outputs).remove(0);
    RnnOutput { h: last(&y), y }
}

/// The GRU op. Inputs: `x`, `w_ih`, `w_hh`, the bias of r, z, n, the bias of the term that r resets, and `h0`. Outputs: the states, the
/// gates, and the term that r resets, for all steps.
#[derive(Debug, Hash)]
pub(super) struct Gru;

impl KernelOp for Gru {
    fn name(&self) -> &'static str {
        "gru"
    }

    fn lower(&self, cx: &mut Lower) {
        let sequence = sequence(cx);
        let [y, gates, m] = [0, 1, 2].map(|o| cx.output(o));
        project(cx, gates);
        let [w_hh, bias, h0] = [2, 3, 4].map(|i| cx.dense(i));
        cx.launch(kernels::Gru::new(sequence), &[w_hh, bias, h0, gates, m, y]);
    }

    fn gradient(
        &self,
        inputs: &[Tensor],
        outputs: &[Tensor],
        grads: &[Option<Tensor>],
    ) -> Vec<Option<Tensor>> {
        let ([x, w_ih, w_hh, bias, h0], [y, gates, m]) = (arrays(inputs), arrays(outputs));
        let Some(dy) = &grads[0] else { return vec![None; 5] };
        let (hidden, mut shape) = (h0.shape()[1], y.meta().clone());
        shape.shape[2] = 4 * hidden;
        let given = [x, w_ih, w_hh, bias, h0, gates, m, y, dy];
        let found = Tensor::record(GruGrad, &given, vec![shape, h0.meta().clone()]);
        let (dgates, dh0) = (&found[0].as_halves_like(w_ih), &found[1]);
        // In the order n, r, z, m: the first three gradients are of the inputs' products, the last three of the state's.
        let roll = |w: &Tensor, first: usize| {
            cat(&[&w.narrow(0, first, w.shape()[0] - first), &w.narrow(0, 0, first)], 0)
        };
        let [dx, dw_ih] = input_gradients(&dgates.narrow(2, 0, 3 * hidden), x, &roll(w_ih, 2 * hidden));
        let dw_hh = state_weight_gradient(&dgates.narrow(2, hidden, 3 * hidden), h0, y);
        let [n, rz, m] = {
            let sums = dgates.sum(&[0, 1], false);
            [(0, 1), (1, 2), (3, 1)].map(|(at, len)| sums.narrow(0, at * hidden, len * hidden))
        };
        [dx, roll(&dw_ih, hidden), dw_hh, cat(&[&rz, &n, &m], 0), dh0.clone()].map(Some).into()
    }
}

/// The gradients before the non-linearities, in the order n, r, z, m, and of the initial state. Inputs: those of [`Gru`], its gates,
/// the term that r resets, its states and their gradients.
#[derive(Debug, Hash)]
struct GruGrad;

impl KernelOp for GruGrad {
    fn name(&self) -> &'static str {
        "gru_grad"
    }

    fn lower(&self, cx: &mut Lower) {
        let shape = cx.input_meta(7).shape;
        let sequence = kernels::Sequence { steps: shape[0], batch: shape[1], hidden: shape[2] };
        let [w_hh, gates, m, y, dy] = [2, 5, 6, 7, 8].map(|i| cx.dense(i));
        let [dgates, dh0] = [0, 1].map(|o| cx.output(o));
        cx.launch(kernels::GruGrad::new(sequence), &[w_hh, gates, m, y, dy, dgates, dh0]);
    }

    fn gradient(&self, inputs: &[Tensor], _: &[Tensor], grads: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
        decomposed(inputs, grads, |inputs| {
            let [x, w_ih, w_hh, bias, h0] = arrays(&inputs[..5]);
            let hidden = h0.shape()[1];
            let part = |t: &Tensor, at: usize, len: usize| t.narrow(-1, at * hidden, len * hidden);
            let a = x.linear(w_ih, Some(&part(bias, 0, 3)));
            let m = part(bias, 3, 1).expand(inputs[7].shape());
            let cell = [a, m, w_hh.clone(), h0.clone()];
            let found =
                decomposed(&cell, &[Some(inputs[8].clone())], |inputs| vec![unrolled(arrays(inputs))]);
            let [da, dm, _, dh0] = <[Option<Tensor>; 4]>::try_from(found).expect("four inputs");
            let [da, dm, dh0] = [da, dm, dh0].map(|d| d.expect("every step depends on it"));
            vec![cat(&[&part(&da, 2, 1), &part(&da, 0, 2), &dm], 2), dh0]
        })
    }
}

/// States of all steps, from `x w_ih^T` with bias, the bias at every step of the term that r resets, `w_hh` and `h0`.
fn unrolled([a, m, w_hh, h0]: &[Tensor; 4]) -> Tensor {
    let mut h = h0.clone();
    let mut y = vec![];
    for (a, m) in a.unbind(0).into_iter().zip(m.unbind(0)) {
        let (a, b) = (a.chunk(3, 1), h.linear(w_hh, None).chunk(3, 1));
        let (r, z) = ((&a[0] + &b[0]).sigmoid(), (&a[1] + &b[1]).sigmoid());
        let n = (&a[2] + r * (&b[2] + m)).tanh();
        h = (1.0 - &z) * n + z * h;
        y.push(h.clone());
    }
    all(&y)
}
