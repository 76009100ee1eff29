//! A fully connected layer whose weight is a product of two thin matrices.

use autograd::Tensor;

use super::Linear;
use crate::Params;

/// `y = x V^T U^T + b`, from `[.., in]` to `[.., out]` through `rank` features: a [`Linear`] layer whose weight `U V` has at most that
/// rank, with `rank (in + out)` weights instead of `in out`. Parameters `down.weight [rank, in]` (V), `up.weight [out, rank]` (U) and
/// `up.bias [out]`. `linalg::low_rank` computes the best factors for the weight of a trained layer (Eckart and Young 1936).
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{LowRankLinear, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let layer = LowRankLinear::new(&params, 100, 50, 4);
/// assert_eq!(params.count(), 4 * 100 + 50 * 4 + 50);
/// assert_eq!(layer.forward(&Tensor::zeros(&device, &[3, 100])).shape(), [3, 50]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct LowRankLinear {
    down: Linear,
    up: Linear,
}

impl LowRankLinear {
    /// PyTorch's default initialisation of both factors.
    ///
    /// # Panics
    /// When the rank is 0.
    #[track_caller]
    pub fn new(params: &Params, inputs: usize, outputs: usize, rank: usize) -> LowRankLinear {
        assert!(rank > 0, "LowRankLinear: of rank 0");
        LowRankLinear {
            down: Linear::no_bias(&params.path("down"), inputs, rank),
            up: Linear::new(&params.path("up"), rank, outputs),
        }
    }

    /// # Panics
    /// When the last dimension of `x` is not the number of inputs.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.up.forward(&self.down.forward(x))
    }
}
