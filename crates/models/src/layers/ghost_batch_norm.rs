//! Batch normalisation of small parts of a large batch (Hoffer et al. 2017).

use autograd::{Tensor, cat};

use crate::{BatchNorm, Mode, Params};

/// A [`BatchNorm`] that in training normalises ghost batches of about `size` samples separately, which keeps the regularising noise of
/// small batches in large ones. The running statistics are updated once per ghost batch. Parameters and buffers are those of
/// [`BatchNorm`].
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{GhostBatchNorm, Mode, Params};
/// let device = Device::named("cpu")?;
/// let layer = GhostBatchNorm::<1>::new(&Params::new(&device, 0), 1, 2);
/// let x = Tensor::from_slice(&device, &[1.0f32, 3.0, 50.0, 70.0], &[4, 1])?;
/// let y = layer.forward(&x, Mode::Train).to_vec::<f32>()?;
/// assert!(y.iter().zip([-1.0, 1.0, -1.0, 1.0]).all(|(y, want)| (y - want).abs() < 1e-4));
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct GhostBatchNorm<const D: usize> {
    inner: BatchNorm<D>,
    size: usize,
}

impl<const D: usize> GhostBatchNorm<D> {
    /// # Panics
    /// When `size` is 0.
    #[track_caller]
    pub fn new(params: &Params, channels: usize, size: usize) -> GhostBatchNorm<D> {
        assert!(size > 0, "GhostBatchNorm: batches of size 0");
        GhostBatchNorm { inner: BatchNorm::new(params, channels), size }
    }

    /// # Panics
    /// As [`BatchNorm::forward`] for each ghost batch, or when the batch is empty.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        if mode != Mode::Train {
            return self.inner.forward(x, mode);
        }
        self.inner.check(x);
        assert!(x.shape()[0] > 0, "GhostBatchNorm: no batch in input {:?}", x.shape());
        let mut parts = vec![];
        for part in x.chunk(x.shape()[0].div_ceil(self.size), 0) {
            parts.push(self.inner.forward(&part, mode));
        }
        cat(&parts.iter().collect::<Vec<_>>(), 0)
    }
}
