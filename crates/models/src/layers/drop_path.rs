//! Stochastic depth (Huang et al. 2016).

use autograd::Tensor;

use crate::{Mode, Params};

/// Zeroes a residual branch `[N, ..]` for whole samples with probability `p`, and divides it by `1 - p` for the others, in a [mode](Mode)
/// that drops: `x + drop_path.forward(&branch, mode)`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{DropPath, Mode, Params};
/// let device = Device::named("cpu")?;
/// let layer = DropPath::new(&Params::new(&device, 0), 0.5);
/// let y = layer.forward(&Tensor::ones(&device, &[20, 3]), Mode::Train).to_vec::<f32>()?;
/// assert!(y.chunks(3).all(|sample| sample == [0.0; 3] || sample == [2.0; 3]));
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias = "StochasticDepth")]
pub struct DropPath {
    params: Params,
    p: f32,
}

impl DropPath {
    /// # Panics
    /// When `p` is not in `0..=1`.
    #[track_caller]
    pub fn new(params: &Params, p: f32) -> DropPath {
        assert!((0.0..=1.0).contains(&p), "DropPath: probability {p}");
        DropPath { params: params.clone(), p }
    }

    /// # Panics
    /// When `x` is a scalar.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        assert!(x.rank() > 0, "DropPath: of a scalar");
        if !mode.drops() || self.p == 0.0 {
            return x.clone();
        }
        let rest: Vec<isize> = (1..x.rank() as isize).collect();
        x.dropout_along(self.p, &rest, self.params.generator())
    }
}
