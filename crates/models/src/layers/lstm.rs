//! The LSTM layer.

use autograd::Tensor;

use super::recurrent::{RnnOptions, Stack};
use crate::Params;

/// Long short-term memory (Hochreiter and Schmidhuber 1997) as `torch.nn.LSTM`, without dropout between layers. Parameters
/// `weight_ih_l0 [4H, I]`, `weight_hh_l0 [4H, H]`, `bias_ih_l0 [4H]`, `bias_hh_l0 [4H]`, for further layers `_l1` and so
/// on, and for the reverse direction the same with `_reverse`; gates in the order i, f, g, o.
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
    /// PyTorch's initialisation: everything is uniform within `1 / sqrt(hidden)`.
    ///
    /// # Panics
    /// When there are no layers or hidden units.
    #[track_caller]
    pub fn new(params: &Params, inputs: usize, hidden: usize, options: RnnOptions) -> Lstm {
        Lstm { stack: Stack::new("Lstm", params, 4, inputs, hidden, options) }
    }

    /// From a sequence `[T, N, I]` and initial states and cells, both `[layers x directions, N, H]` (zeros without), to the
    /// outputs `[T, N, directions x H]` and the last states and cells. These go on where the sequence ends;
    /// [detached](Tensor::detach), no gradients flow back into it (truncated backpropagation through time).
    ///
    /// # Panics
    /// When the shapes do not fit, or there are no steps.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, states: Option<(&Tensor, &Tensor)>) -> (Tensor, (Tensor, Tensor)) {
        let given = states.map_or(vec![], |(h, c)| vec![h, c]);
        let (y, [h, c]) = self.stack.forward(x, &given, |call| {
            let (h0, c0) = (call.initial(states.map(|s| s.0)), call.initial(states.map(|s| s.1)));
            let (b_ih, b_hh) = (call.b_ih.as_ref(), call.b_hh.as_ref());
            let out = autograd::lstm(call.x, &h0, &c0, &call.w_ih, &call.w_hh, b_ih, b_hh);
            (out.y, [out.h, out.c])
        });
        (y, (h, c))
    }
}
