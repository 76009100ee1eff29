//! Batch normalisation with running statistics (Ioffe and Szegedy 2015).

use autograd::{BatchNormOutput, Tensor, batch_norm_train};

use crate::params::{Across, Parts};
use crate::{Init, Mode, Param, Params};

/// A batch normalisation layer for inputs with `D` dimensions in addition to batch and channels: [`BatchNorm1d`], [`BatchNorm2d`] or
/// [`BatchNorm3d`].
pub struct BatchNorm<const D: usize> {
    pub(super) weight: Param,
    pub(super) bias: Param,
    pub(super) running_mean: Param,
    pub(super) running_var: Param,
    pub(super) eps: f32,
    momentum: f32,
    across: Across,
}

/// [`BatchNorm2d`] for `[N, C]` and `[N, C, L]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{BatchNorm1d, Mode, Params};
/// let device = Device::named("cpu")?;
/// let layer = BatchNorm1d::new(&Params::new(&device, 0), 2);
/// let x = Tensor::from_slice(&device, &[1.0f32, 0.0, 3.0, 0.0], &[2, 2])?;
/// let y = layer.forward(&x, Mode::Train).to_vec::<f32>()?;
/// assert!((y[0] + 1.0).abs() < 1e-4 && y[1] == 0.0 && (y[2] - 1.0).abs() < 1e-4);
/// # Ok::<(), autograd::Error>(())
/// ```
pub type BatchNorm1d = BatchNorm<1>;

/// Normalises every channel of `[N, C, H, W]`: in training by the statistics of the batch, which also update the running ones with
/// `momentum` 0.1 (the variance unbiased); in evaluation by the running statistics. `eps` is 1e-5. Parameters `weight [C]` and `bias [C]`,
/// buffers `running_mean [C]`, `running_var [C]` and `num_batches_tracked`.
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
pub type BatchNorm2d = BatchNorm<2>;

/// [`BatchNorm2d`] for `[N, C, D, H, W]`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{BatchNorm3d, Mode, Params};
/// let device = Device::named("cpu")?;
/// let layer = BatchNorm3d::new(&Params::new(&device, 0), 1);
/// let y = layer.forward(&Tensor::ones(&device, &[1, 1, 2, 2, 2]), Mode::Train);
/// assert_eq!(y.to_vec::<f32>()?, [0.0; 8]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub type BatchNorm3d = BatchNorm<3>;

impl<const D: usize> BatchNorm<D> {
    /// Normalises `channels` channels, with running mean 0 and variance 1, weight 1 and bias 0.
    #[track_caller]
    pub fn new(params: &Params, channels: usize) -> BatchNorm<D> {
        BatchNorm::with_weight(params, channels, Init::ONES)
    }

    /// With a weight initialised by `weight` instead of 1, such as 0 at the end of a residual branch (Goyal et al. 2017).
    #[track_caller]
    pub fn with_weight(params: &Params, channels: usize, weight: Init) -> BatchNorm<D> {
        let layer = BatchNorm {
            weight: params.param("weight", &[channels], weight),
            bias: params.param("bias", &[channels], Init::ZEROS),
            running_mean: params.statistic("running_mean", &[channels], Init::ZEROS),
            running_var: params.statistic("running_var", &[channels], Init::ONES),
            eps: 1e-5,
            momentum: 0.1,
            across: params.across(),
        };
        params.count_updates("num_batches_tracked", &layer.running_mean);
        layer
    }

    pub(crate) fn weight(&self) -> &Param {
        &self.weight
    }

    /// Added to the variance; 1e-5 by default.
    pub fn eps(self, eps: f32) -> Self {
        Self { eps, ..self }
    }

    /// The weight of a batch in the update of the running statistics.
    pub fn momentum(self, momentum: f32) -> Self {
        Self { momentum, ..self }
    }

    /// # Panics
    /// When `x` is not `[N, C, ..]` with this layer's dimensions and channels, or has at most one value per channel in training.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        self.check(x);
        let (weight, bias) = (self.weight.value(), self.bias.value());
        if mode != Mode::Train {
            let (mean, var) = (self.running_mean.value(), self.running_var.value());
            return x.batch_norm_eval(&mean, &var, &weight, &bias, self.eps);
        }
        if let Some(parts) = self.across.parts() {
            return self.forward_across(x, &weight, &bias, &parts);
        }
        let batch = batch_norm_train(x, &weight, &bias, self.eps);
        self.track(&batch);
        batch.y
    }

    /// Normalises a part of a batch by the statistics of the whole.
    #[track_caller]
    fn forward_across(&self, x: &Tensor, weight: &Tensor, bias: &Tensor, parts: &Parts) -> Tensor {
        let dims: Vec<isize> = (0..x.rank() as isize).filter(|&d| d != 1).collect();
        let name = self.weight.name();
        let mean = (parts.mean)(&format!("mean for {name}"), &x.mean(&dims, false));
        let mut channels = vec![1; x.rank()];
        channels[1] = mean.numel();
        let squares = (x - mean.reshape(&channels)).square().mean(&dims, false);
        let var = (parts.mean)(&format!("variance for {name}"), &squares);
        let count = (x.numel() / mean.numel().max(1)) as f32 / parts.share;
        assert!(count > 1.0, "batch_norm: training on one value a channel, input {:?}", x.shape());
        let (keep, share) = (1.0 - self.momentum, self.momentum);
        self.running_mean.track(&mean.detach(), keep, share);
        self.running_var.track(&var.detach(), keep, share * count / (count - 1.0));
        x.batch_norm_eval(&mean, &var, weight, bias, self.eps)
    }

    #[track_caller]
    pub(super) fn check(&self, x: &Tensor) {
        let fits = x.rank() == D + 2 || (D == 1 && x.rank() == 2);
        assert!(
            fits,
            "batch_norm: input {:?} of BatchNorm{D}d has not {} dimensions, batch and channels first",
            x.shape(),
            D + 2
        );
    }

    /// Updates the running statistics.
    #[track_caller]
    pub(super) fn track(&self, batch: &BatchNormOutput) {
        let (keep, share) = (1.0 - self.momentum, self.momentum);
        self.running_mean.track(&batch.mean, keep, share);
        self.running_var.track(&batch.var, keep, share * batch.correction());
    }
}
