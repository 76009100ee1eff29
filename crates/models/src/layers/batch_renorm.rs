//! Batch renormalisation (Ioffe 2017).

use autograd::{Tensor, batch_norm_train};

use crate::{BatchNorm, Mode, Params};

/// A [`BatchNorm`] whose training output is corrected towards that of evaluation: with the batch's standard deviations `s` and means `m`,
/// and the running `S` and `M`, it is `(x - m) / s * r + d` with `r = s / S` limited to `1 / r_max ..= r_max` and `d = (m - M) / S`
/// limited to `-d_max ..= d_max`, both without gradient. Parameters and buffers are those of [`BatchNorm`].
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{BatchRenorm, Mode, Params};
/// let device = Device::named("cpu")?;
/// let x = Tensor::from_slice(&device, &[1.0f32, 2.0], &[2, 1])?;
/// // Without limits it equals evaluation with the running statistics, which are initially 0 and 1.
/// let layer = BatchRenorm::<1>::new(&Params::new(&device, 0), 1);
/// let y = layer.forward(&x, 1e9, 1e9, Mode::Train).to_vec::<f32>()?;
/// assert!((y[0] - 1.0).abs() < 1e-4 && (y[1] - 2.0).abs() < 1e-4);
/// // With limits 1 and 0 it is batch normalisation.
/// let layer = BatchRenorm::<1>::new(&Params::new(&device, 0), 1);
/// let y = layer.forward(&x, 1.0, 0.0, Mode::Train).to_vec::<f32>()?;
/// assert!((y[0] + 1.0).abs() < 1e-4 && (y[1] - 1.0).abs() < 1e-4);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct BatchRenorm<const D: usize> {
    inner: BatchNorm<D>,
}

impl<const D: usize> BatchRenorm<D> {
    /// Normalises `channels` channels; initially as [`BatchNorm::new`].
    #[track_caller]
    pub fn new(params: &Params, channels: usize) -> BatchRenorm<D> {
        BatchRenorm { inner: BatchNorm::new(params, channels) }
    }

    /// The limits may change from step to step: the paper starts with 1 and 0, and increases them to 3 and 5.
    ///
    /// # Panics
    /// As [`BatchNorm::forward`], or when `r_max` is below 1 or `d_max` below 0.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, r_max: f32, d_max: f32, mode: Mode) -> Tensor {
        assert!(r_max >= 1.0 && d_max >= 0.0, "BatchRenorm: limits {r_max} and {d_max}");
        let inner = &self.inner;
        if mode != Mode::Train {
            return inner.forward(x, mode);
        }
        inner.check(x);
        let (weight, bias) = (inner.weight.value(), inner.bias.value());
        let batch = batch_norm_train(x, &weight.ones_like(), &weight.zeros_like(), inner.eps);
        let running = (inner.running_var.value() + inner.eps).rsqrt();
        let r = ((&batch.var + inner.eps).sqrt() * &running).clamp(1.0 / r_max, r_max);
        let d = ((&batch.mean - inner.running_mean.value()) * running).clamp(-d_max, d_max);
        inner.track(&batch);
        let mut channels = vec![1; x.rank() - 1];
        channels[0] = x.shape()[1];
        batch.y * (r * &weight).reshape(&channels) + (d * weight + bias).reshape(&channels)
    }
}
