//! The plain recurrent layer.

use autograd::{RnnNonlinearity, Tensor};

use super::recurrent::{RnnOptions, Stack, Widths};
use crate::Params;

/// The plain recurrent layer (Elman 1990) as `torch.nn.RNN`, without dropout between layers. Parameters `weight_ih_l0 [H, I]`,
/// `weight_hh_l0 [H, H]`, `bias_ih_l0 [H]`, `bias_hh_l0 [H]`, with `_l1` and so on for further layers, and the suffix `_reverse` for the
/// reverse direction.
///
/// ```
/// use autograd::{Device, RnnNonlinearity, Tensor};
/// use models::{Params, Rnn, RnnOptions};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let options = RnnOptions { bias: false, bidirectional: true, ..Default::default() };
/// let layer = Rnn::new(&params, 1, 1, RnnNonlinearity::Relu, options);
/// params.all().iter().for_each(|p| p.set(&p.value().ones_like()));
/// let (y, h) = layer.forward(&Tensor::ones(&device, &[3, 1, 1]), None);
/// assert_eq!(y.to_vec::<f32>()?, [1.0, 3.0, 2.0, 2.0, 3.0, 1.0]);
/// assert_eq!(h.to_vec::<f32>()?, [3.0, 3.0]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Rnn {
    stack: Stack,
    nonlinearity: RnnNonlinearity,
}

impl Rnn {
    /// PyTorch's initialisation: all parameters are uniform within `1 / sqrt(hidden)`.
    ///
    /// # Panics
    /// When there are no layers or hidden units.
    #[track_caller]
    pub fn new(
        params: &Params,
        inputs: usize,
        hidden: usize,
        nonlinearity: RnnNonlinearity,
        options: RnnOptions,
    ) -> Rnn {
        Rnn {
            stack: Stack::new("Rnn", params, Widths { gates: 1, inputs, hidden, projection: None }, options),
            nonlinearity,
        }
    }

    /// From a sequence `[T, N, I]` and initial states `[layers x directions, N, H]` (default zeros) to the outputs `[T, N, directions x H]`
    /// and the last states. Pass the last states on to continue the sequence; [detached](Tensor::detach), they stop gradients there
    /// (truncated backpropagation through time).
    ///
    /// # Panics
    /// When the shapes do not fit, or there are no steps.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, states: Option<&Tensor>) -> (Tensor, Tensor) {
        self.run(x, None, states)
    }

    /// As [`forward`](Rnn::forward), but only the first `lengths[n]` steps of sequence `n` are valid (`lengths [N]`, i32, clamped to
    /// `1..=T`), as in `torch.nn.utils.rnn.pack_padded_sequence`: outputs after the end are 0, the last states are those at the end, and
    /// the reverse direction starts there.
    ///
    /// # Panics
    /// As [`forward`](Rnn::forward).
    #[track_caller]
    pub fn forward_lengths(&self, x: &Tensor, lengths: &Tensor, states: Option<&Tensor>) -> (Tensor, Tensor) {
        self.run(x, Some(lengths), states)
    }

    #[track_caller]
    fn run(&self, x: &Tensor, lengths: Option<&Tensor>, states: Option<&Tensor>) -> (Tensor, Tensor) {
        let (y, [h]) = self.stack.forward(x, lengths, states.as_slice(), |call| {
            let (b_ih, b_hh) = (call.b_ih.as_ref(), call.b_hh.as_ref());
            let h0 = call.initial(states, call.w_hh.shape()[1]);
            [autograd::rnn(call.x, &h0, &call.w_ih, &call.w_hh, b_ih, b_hh, self.nonlinearity).y]
        });
        (y, h)
    }
}
