//! Dropout of the same features in all steps of a sequence (Gal and Ghahramani 2016).

use autograd::Tensor;

use crate::{Mode, Params};

/// Zeroes features of the sequences of `[N, T, D]` with probability `p`, in all steps at once, and divides the others by `1 - p`, in a
/// [mode](Mode) that drops.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Mode, Params, VariationalDropout};
/// let device = Device::named("cpu")?;
/// let layer = VariationalDropout::new(&Params::new(&device, 0), 0.5);
/// let y = layer.forward(&Tensor::ones(&device, &[1, 3, 20]), Mode::Train).to_vec::<f32>()?;
/// assert!(y[..20] == y[20..40] && y[..20] == y[40..] && y.contains(&0.0) && y.contains(&2.0));
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct VariationalDropout {
    params: Params,
    p: f32,
}

impl VariationalDropout {
    /// # Panics
    /// When `p` is not in `0..=1`.
    #[track_caller]
    pub fn new(params: &Params, p: f32) -> VariationalDropout {
        assert!((0.0..=1.0).contains(&p), "VariationalDropout: probability {p} is not between 0 and 1");
        VariationalDropout { params: params.clone(), p }
    }

    /// # Panics
    /// When `x` is not `[N, T, D]`.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        assert!(x.rank() == 3, "VariationalDropout: input {:?}, not [N, T, D]", x.shape());
        if !mode.drops() || self.p == 0.0 {
            return x.clone();
        }
        x.dropout_along(self.p, &[1], self.params.generator())
    }
}
