//! Dropout of whole channels (Tompson et al. 2015, "spatial dropout").

use autograd::Tensor;

use crate::{Mode, Params};

/// Zeroes whole channels of single images of `[N, C, ..]` with probability `p` and divides the others by `1 - p`, in a [mode](Mode) that
/// drops: neighbouring pixels are too strongly correlated to be dropped individually.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Dropout2d, Mode, Params};
/// let device = Device::named("cpu")?;
/// let layer = Dropout2d::new(&Params::new(&device, 0), 0.5);
/// let y = layer.forward(&Tensor::ones(&device, &[8, 8, 2, 2]), Mode::Train).to_vec::<f32>()?;
/// assert!(y.chunks(4).all(|channel| channel == [0.0; 4] || channel == [2.0; 4]));
/// # Ok::<(), autograd::Error>(())
/// ```
#[doc(alias("Dropout1d", "Dropout3d"))]
pub struct Dropout2d {
    params: Params,
    p: f32,
}

impl Dropout2d {
    /// # Panics
    /// When `p` is not in `0..=1`.
    #[track_caller]
    pub fn new(params: &Params, p: f32) -> Dropout2d {
        assert!((0.0..=1.0).contains(&p), "Dropout2d: probability {p}");
        Dropout2d { params: params.clone(), p }
    }

    /// # Panics
    /// When `x` is not `[N, C, ..]`.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        assert!(x.rank() >= 3, "Dropout2d: input {:?}, not [N, C, ..]", x.shape());
        if !mode.drops() || self.p == 0.0 {
            return x.clone();
        }
        let positions: Vec<isize> = (2..x.rank() as isize).collect();
        x.dropout_along(self.p, &positions, self.params.generator())
    }
}
