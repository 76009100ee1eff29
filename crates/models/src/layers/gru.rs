//! The GRU layer.

use autograd::Tensor;

use super::recurrent::{RnnOptions, Stack, Widths};
use crate::Params;

/// The gated recurrent unit (Cho et al. 2014) as `torch.nn.GRU`, without dropout between layers. Parameters `weight_ih_l0 [3H, I]`,
/// `weight_hh_l0 [3H, H]`, `bias_ih_l0 [3H]`, `bias_hh_l0 [3H]`, with `_l1` and so on for further layers, and the suffix `_reverse` for
/// the reverse direction; gates in the order r, z, n. The new state is `(1 - z) n + z h`; for the other convention, `z n + (1 - z) h`, negate the
/// weights and biases of z: `sigmoid(-a) = 1 - sigmoid(a)`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Gru, Params, RnnOptions};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let layer = Gru::new(&params, 3, 1, RnnOptions { batch_first: true, ..Default::default() });
/// params.all().iter().for_each(|p| p.set(&p.value().zeros_like()));
/// let h0 = Tensor::ones(&device, &[1, 1, 1]);
/// let (y, h) = layer.forward(&Tensor::ones(&device, &[1, 2, 3]), Some(&h0));
/// // Gates are 1/2, candidates 0: the state halves at every step.
/// assert_eq!(y.to_vec::<f32>()?, [0.5, 0.25]);
/// assert_eq!(h.item()?, 0.25);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Gru {
    stack: Stack,
}

impl Gru {
    /// PyTorch's initialisation: all parameters are uniform within `1 / sqrt(hidden)`.
    ///
    /// # Panics
    /// When there are no layers or hidden units.
    #[track_caller]
    pub fn new(params: &Params, inputs: usize, hidden: usize, options: RnnOptions) -> Gru {
        Gru {
            stack: Stack::new("Gru", params, Widths { gates: 3, inputs, hidden, projection: None }, options),
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

    /// As [`forward`](Gru::forward), but only the first `lengths[n]` steps of sequence `n` are valid (`lengths [N]`, i32, clamped to
    /// `1..=T`), as in `torch.nn.utils.rnn.pack_padded_sequence`: outputs after the end are 0, the last states are those at the end, and
    /// the reverse direction starts there.
    ///
    /// # Panics
    /// As [`forward`](Gru::forward).
    #[track_caller]
    pub fn forward_lengths(&self, x: &Tensor, lengths: &Tensor, states: Option<&Tensor>) -> (Tensor, Tensor) {
        self.run(x, Some(lengths), states)
    }

    #[track_caller]
    fn run(&self, x: &Tensor, lengths: Option<&Tensor>, states: Option<&Tensor>) -> (Tensor, Tensor) {
        let (y, [h]) = self.stack.forward(x, lengths, states.as_slice(), |call| {
            let (b_ih, b_hh) = (call.b_ih.as_ref(), call.b_hh.as_ref());
            let h0 = call.initial(states, call.w_hh.shape()[1]);
            [autograd::gru(call.x, &h0, &call.w_ih, &call.w_hh, b_ih, b_hh).y]
        });
        (y, h)
    }
}
