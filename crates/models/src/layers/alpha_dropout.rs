//! Dropout for self-normalising networks (Klambauer et al. 2017).

use autograd::Tensor;

use crate::{Mode, Params};

/// Sets elements to the lower limit of SELU with probability `p`, then scales and shifts all elements so that mean 0 and variance 1 are
/// preserved; only in a [mode](Mode) that drops.
///
/// ```
/// use autograd::{Device, Generator, Tensor};
/// use models::{AlphaDropout, Mode, Params};
/// let device = Device::named("cpu")?;
/// let layer = AlphaDropout::new(&Params::new(&device, 0), 0.3);
/// let y = layer.forward(&Generator::new(1).normal(&device, &[10_000]), Mode::Train);
/// assert!(y.mean_all().item()?.abs() < 0.05);
/// assert!((y.var(&[0], 1.0, false).item()? - 1.0).abs() < 0.05);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct AlphaDropout {
    params: Params,
    p: f32,
}

impl AlphaDropout {
    /// # Panics
    /// When `p` is not in `0..1`.
    #[track_caller]
    pub fn new(params: &Params, p: f32) -> AlphaDropout {
        assert!((0.0..1.0).contains(&p), "AlphaDropout: probability {p} is not between 0 and 1");
        AlphaDropout { params: params.clone(), p }
    }

    /// `x` of any shape, with values dropped in a mode that drops.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        if mode.drops() && self.p > 0.0 {
            x.alpha_dropout(self.p, self.params.generator())
        } else {
            x.clone()
        }
    }
}
