//! Plain convolutional stages, whose features are inputs of task heads.

use autograd::Tensor;

use super::conv_norm::ConvNorm;
use crate::{Mode, Params};

/// Stages of a 3x3 convolution, batch norm and ReLU, each with its own stride: the first layers of small detectors and embedding
/// networks. Takes images `[N, channels, H, W]`; the results of all stages are available. Parameters `0.*`, `1.*` and so on.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Backbone, Mode, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = Backbone::new(&params, 3, &[(8, 1), (16, 2)]);
/// assert_eq!(params.count(), (27 * 8 + 16) + (72 * 16 + 32));
/// let maps = net.forward(&Tensor::zeros(&device, &[1, 3, 8, 12]), Mode::Eval);
/// assert_eq!((maps[0].shape(), maps[1].shape()), (&[1, 8, 8, 12][..], &[1, 16, 4, 6][..]));
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Backbone {
    stages: Vec<ConvNorm>,
}

impl Backbone {
    /// `stages` are the channels and the stride of each stage.
    #[track_caller]
    pub fn new(params: &Params, channels: usize, stages: &[(usize, usize)]) -> Backbone {
        let mut from = channels;
        let stage = |(i, &(width, stride)): (usize, &(usize, usize))| {
            ConvNorm::new(&params.path(i), std::mem::replace(&mut from, width), width, 3, stride, 1)
        };
        Backbone { stages: stages.iter().enumerate().map(stage).collect() }
    }

    /// The results of all stages.
    #[track_caller]
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Vec<Tensor> {
        let mut maps: Vec<Tensor> = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            maps.push(stage.forward(maps.last().unwrap_or(images), mode).relu());
        }
        maps
    }

    /// The result of the last stage.
    ///
    /// # Panics
    /// When there are no stages.
    #[track_caller]
    pub fn last(&self, images: &Tensor, mode: Mode) -> Tensor {
        self.forward(images, mode).pop().expect("Backbone: no stages")
    }
}
