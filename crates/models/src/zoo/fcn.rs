//! The fully convolutional network (Long, Shelhamer and Darrell 2015).

use autograd::{Interpolation, Pool2d, Resize, Tensor};

use super::conv_norm::ConvNorm;
use crate::{Conv2d, Mode, Params};

/// A fully convolutional classifier, from images `[N, channels, H, W]` to logits `[N, classes, H, W]` of every pixel: stages of a 3x3
/// convolution, batch norm and ReLU, each halved by max pooling; 1x1 convolutions compute scores from the result of every stage, and
/// scores are upsampled bilinearly and added to those of the previous stage (the "skips" of FCN-16s and FCN-8s). Parameters `stage1.*`
/// and so on and `score1.*` and so on.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Fcn, Mode, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = Fcn::new(&params, 3, &[8, 16, 32], 4);
/// let stages = (27 * 8 + 16) + (72 * 16 + 32) + (144 * 32 + 64);
/// assert_eq!(params.count(), stages + (8 * 4 + 4) + (16 * 4 + 4) + (32 * 4 + 4));
/// let logits = net.forward(&Tensor::zeros(&device, &[1, 3, 8, 16]), Mode::Eval);
/// assert_eq!(logits.shape(), [1, 4, 8, 16]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Fcn {
    stages: Vec<ConvNorm>,
    scores: Vec<Conv2d>,
}

impl Fcn {
    /// One stage for each of `widths`.
    ///
    /// # Panics
    /// When there are no widths.
    #[track_caller]
    pub fn new(params: &Params, channels: usize, widths: &[usize], classes: usize) -> Fcn {
        assert!(!widths.is_empty(), "Fcn: no stages");
        let (mut stages, mut scores, mut from) = (vec![], vec![], channels);
        for (i, &width) in widths.iter().enumerate() {
            stages.push(ConvNorm::new(&params.path(format!("stage{}", i + 1)), from, width, 3, 1, 1));
            scores.push(Conv2d::new(&params.path(format!("score{}", i + 1)), width, classes, 1).build());
            from = width;
        }
        Fcn { stages, scores }
    }

    /// # Panics
    /// When the images have a different number of channels, or sides that can't be halved once per stage.
    #[track_caller]
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Tensor {
        let scale = 1 << self.stages.len();
        let fits = images.rank() == 4 && images.shape()[2..].iter().all(|n| n.is_multiple_of(scale));
        assert!(fits, "Fcn: images {:?} with sides that are not multiples of {scale}", images.shape());
        let (mut x, mut scores) = (images.clone(), vec![]);
        for (stage, score) in self.stages.iter().zip(&self.scores) {
            x = stage.forward(&x, mode).relu().max_pool2d(Pool2d::new(2)).0;
            scores.push(score.forward(&x));
        }
        let mut y = doubled(&scores.pop().expect("there is a stage"));
        while let Some(score) = scores.pop() {
            y = doubled(&(y + score));
        }
        y
    }
}

fn doubled(x: &Tensor) -> Tensor {
    x.interpolate(Resize::By(&[2.0]), Interpolation::Linear { align_corners: false })
}
