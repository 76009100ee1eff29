//! Dropout of single elements (Srivastava et al. 2014).

use autograd::Tensor;

use crate::{Mode, Params};

/// Zeroes elements with probability `p` and divides the others by `1 - p`, in a [mode](Mode) that drops; otherwise the identity. Random
/// numbers come from the [generator](Params::generator) of the parameters.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Dropout, Mode, Params};
/// let device = Device::named("cpu")?;
/// let layer = Dropout::new(&Params::new(&device, 0), 0.5);
/// let x = Tensor::ones(&device, &[100]);
/// assert_eq!(layer.forward(&x, Mode::Eval).to_vec::<f32>()?, [1.0; 100]);
/// let y = layer.forward(&x, Mode::Train).to_vec::<f32>()?;
/// assert!(y.iter().all(|&y| y == 0.0 || y == 2.0) && y.contains(&0.0) && y.contains(&2.0));
/// // Monte Carlo dropout: all other layers behave as in evaluation.
/// assert_ne!(layer.forward(&x, Mode::Sample).to_vec::<f32>()?, y);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Dropout {
    params: Params,
    p: f32,
}

impl Dropout {
    /// # Panics
    /// When `p` is not in `0..=1`.
    #[track_caller]
    pub fn new(params: &Params, p: f32) -> Dropout {
        assert!((0.0..=1.0).contains(&p), "Dropout: probability {p} is not between 0 and 1");
        Dropout { params: params.clone(), p }
    }

    /// Whether anything may be dropped.
    pub(crate) fn drops(&self, mode: Mode) -> bool {
        mode.drops() && self.p > 0.0
    }

    /// `x` of any shape, with values dropped in a mode that drops.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        if self.drops(mode) { x.dropout(self.p, self.params.generator()) } else { x.clone() }
    }
}
