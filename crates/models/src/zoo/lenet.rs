//! LeNet-5 (LeCun et al. 1998, "Gradient-based learning applied to document recognition").

use autograd::{Pool2d, Tensor};

use crate::{Conv2d, Linear, Params};

/// Two 5x5 convolutions with average pooling and three linear layers, with tanh, from images `[N, channels, 28, 28]` to logits
/// `[N, classes]`. The output layer is linear, as is now usual, instead of radial. Parameters `conv1.*`, `conv2.*`, `fc1.*`, `fc2.*` and
/// `fc3.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{LeNet, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = LeNet::new(&params, 1, 10);
/// assert_eq!(params.count(), 61_706);
/// let logits = net.forward(&Tensor::zeros(&device, &[2, 1, 28, 28]));
/// // Untrained, all classes are about equally probable.
/// let classes = Tensor::from_slice(&device, &[3i32, 7], &[2])?;
/// assert!((logits.cross_entropy(&classes).item()? - 10f32.ln()).abs() < 0.1);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct LeNet {
    conv1: Conv2d,
    conv2: Conv2d,
    fc: [Linear; 3],
}

impl LeNet {
    /// A network for images of `channels` channels and `classes` classes.
    #[track_caller]
    pub fn new(params: &Params, channels: usize, classes: usize) -> LeNet {
        let fc = |name: &str, from, to| Linear::new(&params.path(name), from, to);
        LeNet {
            conv1: Conv2d::new(&params.path("conv1"), channels, 6, 5).padding(2).build(),
            conv2: Conv2d::new(&params.path("conv2"), 6, 16, 5).build(),
            fc: [fc("fc1", 16 * 5 * 5, 120), fc("fc2", 120, 84), fc("fc3", 84, classes)],
        }
    }

    /// # Panics
    /// When the images have another size or number of channels.
    #[track_caller]
    pub fn forward(&self, images: &Tensor) -> Tensor {
        let pooled = |x: Tensor| x.tanh().avg_pool2d(Pool2d::new(2), true, None);
        let x = pooled(self.conv1.forward(images));
        let x = pooled(self.conv2.forward(&x)).flatten(1, 3);
        let [fc1, fc2, fc3] = &self.fc;
        fc3.forward(&fc2.forward(&fc1.forward(&x).tanh()).tanh())
    }
}
