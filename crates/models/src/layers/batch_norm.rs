//! Batch normalisation with running statistics.

use std::sync::atomic::Ordering::Relaxed;

use autograd::{Tensor, batch_norm_train};

use crate::params::Counter;
use crate::{Init, Mode, Param, Params};

/// Normalises every channel of `[N, C, H, W]`: by the batch's statistics in training, which also move the running ones by
/// `momentum` 0.1 (the variance unbiased), and by the running ones in evaluation. `eps` is 1e-5. Parameters `weight [C]`
/// and `bias [C]`, buffers `running_mean [C]`, `running_var [C]` and `num_batches_tracked`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{BatchNorm2d, Mode, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 0);
/// let layer = BatchNorm2d::new(&params, 1);
/// let x = Tensor::from_slice(&device, &[1.0f32, 3.0], &[2, 1, 1, 1])?;
/// let y = layer.forward(&x, Mode::Train).to_vec::<f32>()?;
/// assert!((y[0] + 1.0).abs() < 1e-4 && (y[1] - 1.0).abs() < 1e-4);
/// assert_eq!(params.get("running_mean").unwrap().value().to_vec::<f32>()?, [0.2]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct BatchNorm2d {
    weight: Param,
    bias: Param,
    running_mean: Param,
    running_var: Param,
    batches: Counter,
}

const EPS: f32 = 1e-5;
const MOMENTUM: f32 = 0.1;

impl BatchNorm2d {
    #[track_caller]
    pub fn new(params: &Params, channels: usize) -> BatchNorm2d {
        BatchNorm2d::with_weight(params, channels, Init::ONES)
    }

    /// A weight that starts otherwise than at 1, such as 0 at the end of a residual branch (Goyal et al. 2017).
    #[track_caller]
    pub fn with_weight(params: &Params, channels: usize, weight: Init) -> BatchNorm2d {
        BatchNorm2d {
            weight: params.param("weight", &[channels], weight),
            bias: params.param("bias", &[channels], Init::ZEROS),
            running_mean: params.buffer("running_mean", &[channels], Init::ZEROS),
            running_var: params.buffer("running_var", &[channels], Init::ONES),
            batches: params.counter("num_batches_tracked"),
        }
    }

    pub(crate) fn weight(&self) -> &Param {
        &self.weight
    }

    /// # Panics
    /// When `x` is not `[N, C, H, W]` with this layer's channels, or has one value a channel in training.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let (weight, bias) = (self.weight.value(), self.bias.value());
        let (mean, var) = (self.running_mean.value(), self.running_var.value());
        if mode == Mode::Eval {
            return x.batch_norm_eval(&mean, &var, &weight, &bias, EPS);
        }
        let batch = batch_norm_train(x, &weight, &bias, EPS);
        let (mean, var) = batch.running(&mean, &var, MOMENTUM);
        self.running_mean.set(&mean);
        self.running_var.set(&var);
        self.batches.0.fetch_add(1, Relaxed);
        batch.y
    }
}
