//! The small convolutional network used for MNIST in introductory texts.

use autograd::{Pool2d, Tensor};

use crate::{Conv2d, Linear, Params};

/// Two unpadded 3x3 convolutions of 32 and 64 channels with ReLU and 2x2 max pooling, and a linear layer, from images
/// `[N, 1, 28, 28]` to logits `[N, classes]`. Parameters `conv1.*`, `conv2.*` and `fc.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{MnistCnn, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = MnistCnn::new(&params, 10);
/// assert_eq!(params.count(), 34_826);
/// let logits = net.forward(&Tensor::zeros(&device, &[2, 1, 28, 28]));
/// // Untrained, all classes are about equally probable.
/// let classes = Tensor::from_slice(&device, &[3i32, 7], &[2])?;
/// assert!((logits.cross_entropy(&classes).item()? - 10f32.ln()).abs() < 0.1);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct MnistCnn {
    conv1: Conv2d,
    conv2: Conv2d,
    fc: Linear,
}

impl MnistCnn {
    /// A network for `classes` classes.
    #[track_caller]
    pub fn new(params: &Params, classes: usize) -> MnistCnn {
        MnistCnn {
            conv1: Conv2d::new(&params.path("conv1"), 1, 32, 3).build(),
            conv2: Conv2d::new(&params.path("conv2"), 32, 64, 3).build(),
            fc: Linear::new(&params.path("fc"), 64 * 5 * 5, classes),
        }
    }

    /// # Panics
    /// When the images have another size or number of channels.
    #[track_caller]
    pub fn forward(&self, images: &Tensor) -> Tensor {
        let pooled = |x: Tensor| x.relu().max_pool2d(Pool2d::new(2)).0;
        let x = pooled(self.conv2.forward(&pooled(self.conv1.forward(images))));
        self.fc.forward(&x.flatten(1, 3))
    }
}
