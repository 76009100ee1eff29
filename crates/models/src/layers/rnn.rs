//! The plain recurrent layer.

use autograd::{RnnNonlinearity, Tensor};

use super::recurrent::{RnnOptions, Stack, Widths};
use crate::Params;

/// The plain recurrent layer (Elman 1990) as `torch.nn.RNN`, without dropout between layers. Parameters
/// `weight_ih_l0 [H, I]`, `weight_hh_l0 [H, H]`, `bias_ih_l0 [H]`, `bias_hh_l0 [H]`, for further layers `_l1` and so on,
/// and for the reverse direction the same with `_reverse`.
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
    /// PyTorch's initialisation: everything is uniform within `1 / sqrt(hidden)`.
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

    /// As [`forward`](Rnn::forward), where of sequence `n` only the first `lengths[n]` steps count (`lengths [N]`, i32; those outside of
    /// `1..=T` are taken for the nearest of these), as of `torch.nn.utils.rnn.pack_padded_sequence`: outputs behind the end are 0, the last
    /// states are those at the end, and the reverse direction begins there.
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
