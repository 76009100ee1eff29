//! The LSTM layer.

use autograd::{Padding, Tensor, cat};

use super::recurrent::{Call, RnnOptions, Stack, Widths};
use crate::Params;

/// Long short-term memory (Hochreiter and Schmidhuber 1997) as `torch.nn.LSTM`, without dropout between layers. Parameters
/// `weight_ih_l0 [4H, I]`, `weight_hh_l0 [4H, H]`, `bias_ih_l0 [4H]`, `bias_hh_l0 [4H]`, with `_l1` and so on for further layers, and the
/// suffix `_reverse` for the reverse direction; gates in the order i, f, g, o.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Lstm, Params, RnnOptions};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let layer = Lstm::new(&params, 3, 1, RnnOptions::default());
/// params.all().iter().for_each(|p| p.set(&p.value().zeros_like()));
/// let (h0, c0) = (Tensor::zeros(&device, &[1, 1, 1]), Tensor::ones(&device, &[1, 1, 1]));
/// let (y, (h, c)) = layer.forward(&Tensor::ones(&device, &[2, 1, 3]), Some((&h0, &c0)));
/// // All gates are 1/2, candidates 0.
/// assert_eq!(c.to_vec::<f32>()?, [0.25]);
/// assert_eq!(h.item()?, 0.5 * 0.25f32.tanh());
/// assert_eq!(y.shape(), [2, 1, 1]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Lstm {
    stack: Stack,
}

impl Lstm {
    /// PyTorch's initialisation: all parameters are uniform within `1 / sqrt(hidden)`.
    ///
    /// # Panics
    /// When there are no layers or hidden units.
    #[track_caller]
    pub fn new(params: &Params, inputs: usize, hidden: usize, options: RnnOptions) -> Lstm {
        Lstm::build(params, Widths { gates: 4, inputs, hidden, projection: None }, options)
    }

    /// With a linear projection of the hidden units to `projection` features in outputs and states, but not in cells (Sak et al. 2014),
    /// as `torch.nn.LSTM` with `proj_size`. Each layer has a further parameter, `weight_hr_l0 [projection, hidden]`.
    ///
    /// # Panics
    /// When there are no layers or hidden units, or `projection` is not smaller than `hidden`.
    #[track_caller]
    pub fn projected(
        params: &Params,
        inputs: usize,
        hidden: usize,
        projection: usize,
        options: RnnOptions,
    ) -> Lstm {
        assert!(
            (1..hidden).contains(&projection),
            "Lstm: a projection of {hidden} hidden units to {projection}"
        );
        Lstm::build(params, Widths { gates: 4, inputs, hidden, projection: Some(projection) }, options)
    }

    #[track_caller]
    fn build(params: &Params, widths: Widths, options: RnnOptions) -> Lstm {
        Lstm { stack: Stack::new("Lstm", params, widths, options) }
    }

    /// From a sequence `[T, N, I]` and initial states and cells, both `[layers x directions, N, H]` (default zeros), to the outputs
    /// `[T, N, directions x H]` and the last states and cells. Pass these on to continue the sequence; [detached](Tensor::detach), they
    /// stop gradients there (truncated backpropagation through time).
    ///
    /// # Panics
    /// When the shapes do not fit, or there are no steps.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, states: Option<(&Tensor, &Tensor)>) -> (Tensor, (Tensor, Tensor)) {
        self.run(x, None, states)
    }

    /// As [`forward`](Lstm::forward), but only the first `lengths[n]` steps of sequence `n` are valid (`lengths [N]`, i32, clamped to
    /// `1..=T`), as in `torch.nn.utils.rnn.pack_padded_sequence`: outputs after the end are 0, the last states are those at the end, and
    /// the reverse direction starts there.
    ///
    /// # Panics
    /// As [`forward`](Lstm::forward).
    #[track_caller]
    pub fn forward_lengths(
        &self,
        x: &Tensor,
        lengths: &Tensor,
        states: Option<(&Tensor, &Tensor)>,
    ) -> (Tensor, (Tensor, Tensor)) {
        self.run(x, Some(lengths), states)
    }

    #[track_caller]
    fn run(
        &self,
        x: &Tensor,
        lengths: Option<&Tensor>,
        states: Option<(&Tensor, &Tensor)>,
    ) -> (Tensor, (Tensor, Tensor)) {
        let given = states.map_or(vec![], |(h, c)| vec![h, c]);
        let (y, [h, c]) = self.stack.forward(x, lengths, &given, |call| {
            let c0 = call.initial(states.map(|s| s.1), call.w_hh.shape()[0] / 4);
            let h0 = call.initial(states.map(|s| s.0), call.w_hh.shape()[1]);
            match &call.w_hr {
                None => cell(&call, &h0, &c0),
                Some(w_hr) => projected_cell(&call, w_hr, states.is_some().then_some(&h0), &c0),
            }
        });
        (y, (h, c))
    }
}

/// States and cells after every step.
fn cell(call: &Call, h0: &Tensor, c0: &Tensor) -> [Tensor; 2] {
    let (b_ih, b_hh) = (call.b_ih.as_ref(), call.b_hh.as_ref());
    let out = autograd::lstm(call.x, h0, c0, &call.w_ih, &call.w_hh, b_ih, b_hh);
    [out.y, out.cells]
}

/// As [`cell`], but the state `h` is the projection `m w_hr^T` of the hidden units `m`. The gates read `h w_hh^T`, which equals
/// `m (w_hh w_hr)^T`, except for the initial state, which is appended to the input of the first step.
fn projected_cell(call: &Call, w_hr: &Tensor, h0: Option<&Tensor>, c0: &Tensor) -> [Tensor; 2] {
    let w_hh = call.w_hh.matmul(w_hr);
    let zero = c0.zeros_like();
    let [m, cells] = match h0 {
        None => cell(&Call { w_hh, ..call.clone() }, &zero, c0),
        Some(h0) => {
            let later = call.x.shape()[0] as isize - 1;
            let first = h0.unsqueeze(0).pad(&[(0, 0), (0, 0), (0, later)], Padding::Constant(0.0));
            let (x, w_ih) = (cat(&[call.x, &first], 2), cat(&[&call.w_ih, &call.w_hh], 1));
            cell(&Call { x: &x, w_ih, w_hh, ..call.clone() }, &zero, c0)
        }
    };
    [m.linear(w_hr, None), cells]
}
