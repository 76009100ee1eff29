//! AlexNet (Krizhevsky, Sutskever and Hinton 2012; in the form of Krizhevsky 2014).

use autograd::{Pool2d, Tensor};

use crate::{Conv2d, Linear, Params};

/// Five convolutions and three linear layers with ReLU, from images `[N, 3, H, W]` (224 x 224 in the paper, at least 63 x 63) to logits
/// `[N, classes]`. The classifier reads 6 x 6 features; other sizes are averaged to it. Without the classifier's dropout. Parameters have
/// torchvision's names: `features.0.*`, `features.3.*`, `features.6.*`, `features.8.*`, `features.10.*`, `classifier.1.*`,
/// `classifier.4.*` and `classifier.6.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{AlexNet, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = AlexNet::new(&params, 1000);
/// assert_eq!(params.count(), 61_100_840);
/// // Recorded, not computed.
/// for shape in [[2, 3, 224, 224], [2, 3, 64, 96]] {
///     assert_eq!(net.forward(&Tensor::zeros(&device, &shape)).shape(), [2, 1000]);
/// }
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct AlexNet {
    features: Vec<Conv2d>,
    classifier: [Linear; 3],
}

/// Index of the layer, channels in and out, kernel, stride, padding.
const CONVS: [(usize, usize, usize, usize, usize, usize); 5] = [
    (0, 3, 64, 11, 4, 2),
    (3, 64, 192, 5, 1, 2),
    (6, 192, 384, 3, 1, 1),
    (8, 384, 256, 3, 1, 1),
    (10, 256, 256, 3, 1, 1),
];

/// The convolutions followed by pooling.
const POOLED: [usize; 3] = [0, 1, 4];

/// Shape of the features that the classifier reads.
const FEATURES: [usize; 3] = [256, 6, 6];

impl AlexNet {
    /// A network for `classes` classes, initialised as PyTorch's layers.
    #[track_caller]
    pub fn new(params: &Params, classes: usize) -> AlexNet {
        let (features, classifier) = (params.path("features"), params.path("classifier"));
        let conv = |(i, from, to, kernel, stride, padding): (usize, usize, usize, usize, usize, usize)| {
            Conv2d::new(&features.path(i), from, to, kernel).stride(stride).padding(padding).build()
        };
        let linear = |(i, from, to): (usize, usize, usize)| Linear::new(&classifier.path(i), from, to);
        AlexNet {
            features: CONVS.map(conv).into(),
            classifier: [(1, FEATURES.iter().product(), 4096), (4, 4096, 4096), (6, 4096, classes)]
                .map(linear),
        }
    }

    /// # Panics
    /// When the images do not have 3 channels, or are smaller than 63 x 63.
    #[track_caller]
    pub fn forward(&self, images: &Tensor) -> Tensor {
        let fits = images.rank() == 4 && images.shape()[2..].iter().all(|&n| n >= 63);
        assert!(fits, "AlexNet: images {:?}, not [N, 3, H, W] of at least 63 x 63", images.shape());
        let mut x = images.clone();
        for (i, conv) in self.features.iter().enumerate() {
            x = conv.forward(&x).relu();
            if POOLED.contains(&i) {
                x = x.max_pool2d(Pool2d { stride: [2; 2], ..Pool2d::new(3) }).0;
            }
        }
        let [fc1, fc2, fc3] = &self.classifier;
        let x = x.adaptive_avg_pool2d([FEATURES[1], FEATURES[2]]).flatten(1, 3);
        fc3.forward(&fc2.forward(&fc1.forward(&x).relu()).relu())
    }
}
