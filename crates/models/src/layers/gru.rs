//! The GRU layer.

use autograd::Tensor;

use super::recurrent::{RnnOptions, Stack, Widths};
use crate::Params;

/// The gated recurrent unit (Cho et al. 2014) as `torch.nn.GRU`, without dropout between layers. Parameters
/// `weight_ih_l0 [3H, I]`, `weight_hh_l0 [3H, H]`, `bias_ih_l0 [3H]`, `bias_hh_l0 [3H]`, for further layers `_l1` and so
/// on, and for the reverse direction the same with `_reverse`; gates in the order r, z, n.
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
    /// PyTorch's initialisation: everything is uniform within `1 / sqrt(hidden)`.
    ///
    /// # Panics
    /// When there are no layers or hidden units.
    #[track_caller]
    pub fn new(params: &Params, inputs: usize, hidden: usize, options: RnnOptions) -> Gru {
        Gru {
            stack: Stack::new("Gru", params, Widths { gates: 3, inputs, hidden, projection: None }, options),
        }
    }

    /// From a sequence `[T, N, I]` and initial states `[layers x directions, N, H]` (zeros without) to the outputs
    /// `[T, N, directions x H]` and the last states. These go on where the sequence ends; [detached](Tensor::detach), no
    /// gradients flow back into it (truncated backpropagation through time).
    ///
    /// # Panics
    /// When the shapes do not fit, or there are no steps.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, states: Option<&Tensor>) -> (Tensor, Tensor) {
        self.run(x, None, states)
    }

    /// As [`forward`](Gru::forward), where of sequence `n` only the first `lengths[n]` steps count (`lengths [N]`, i32; those outside of
    /// `1..=T` are taken for the nearest of these), as of `torch.nn.utils.rnn.pack_padded_sequence`: outputs behind the end are 0, the last
    /// states are those at the end, and the reverse direction begins there.
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
