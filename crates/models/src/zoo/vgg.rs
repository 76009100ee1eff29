//! VGG networks (Simonyan and Zisserman 2015).

use autograd::{Pool2d, Tensor};

use crate::{BatchNorm2d, Conv2d, Init, Linear, Mode, Params};

/// Stacks of 3x3 convolutions with batch norm and ReLU, with pooling after each stack. The features' parameters have the names of
/// torchvision's variants with batch norm, such as `vgg16_bn`: `features.0.weight`, `features.0.bias`, `features.1.weight` and so on.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Mode, Params, Vgg};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = Vgg::cifar(&params, 11, 10);
/// assert_eq!(params.count(), 9_231_114);
/// for shape in [[1, 3, 32, 32], [1, 3, 64, 48]] {
///     assert_eq!(net.forward(&Tensor::zeros(&device, &shape), Mode::Eval).shape(), [1, 10]);
/// }
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Vgg {
    /// Convolutions with their batch norms, by stage; pooling follows each stage.
    stages: Vec<Vec<(Conv2d, BatchNorm2d)>>,
    /// Linear layers, with ReLU between them.
    classifier: Vec<Linear>,
    /// Side of the feature maps that the classifier reads; other sizes are averaged to it.
    side: usize,
}

impl Vgg {
    /// For images of 224 x 224, with the paper's three linear layers (`classifier.0`, `classifier.3` and `classifier.6`), without
    /// dropout; depth 11, 13, 16 or 19.
    ///
    /// # Panics
    /// When the depth is none of these.
    #[doc(alias("vgg16", "vgg16_bn"))]
    #[track_caller]
    pub fn imagenet(params: &Params, depth: usize, classes: usize) -> Vgg {
        let sizes = [(0, 512 * 7 * 7, 4096), (3, 4096, 4096), (6, 4096, classes)];
        Vgg::new(params, depth, 7, &sizes)
    }

    /// For images of 32 x 32, with one linear layer (`classifier.0`).
    ///
    /// # Panics
    /// When the depth is not 11, 13, 16 or 19.
    #[track_caller]
    pub fn cifar(params: &Params, depth: usize, classes: usize) -> Vgg {
        Vgg::new(params, depth, 1, &[(0, 512, classes)])
    }

    /// `sizes` are index, inputs and outputs of the classifier's layers.
    #[track_caller]
    fn new(params: &Params, depth: usize, side: usize, sizes: &[(usize, usize, usize)]) -> Vgg {
        let counts = match depth {
            11 => [1, 1, 2, 2, 2],
            13 => [2, 2, 2, 2, 2],
            16 => [2, 2, 3, 3, 3],
            19 => [2, 2, 4, 4, 4],
            _ => panic!("Vgg: depth {depth} is not 11, 13, 16 or 19"),
        };
        let features = params.path("features");
        let (mut channels, mut index, mut stages) = (3, 0, vec![]);
        for (width, count) in [64, 128, 256, 512, 512].into_iter().zip(counts) {
            let mut stage = vec![];
            for _ in 0..count {
                let path = features.path(index);
                let conv = Conv2d::new(&path, channels, width, 3).padding(1).init(Init::HE_FAN_OUT).build();
                path.redraw("*.bias", Init::ZEROS);
                stage.push((conv, BatchNorm2d::new(&features.path(index + 1), width)));
                // Convolution, batch norm and ReLU each take an index; so does pooling.
                (channels, index) = (width, index + 3);
            }
            stages.push(stage);
            index += 1;
        }
        let under = params.path("classifier");
        let linear = |&(i, from, to): &(usize, usize, usize)| Linear::new(&under.path(i), from, to);
        let classifier = sizes.iter().map(linear).collect();
        under.redraw("*.weight", Init::Normal { mean: 0.0, std: 0.01 });
        under.redraw("*.bias", Init::ZEROS);
        Vgg { stages, classifier, side }
    }

    /// Logits `[N, classes]` of images `[N, 3, H, W]`.
    ///
    /// # Panics
    /// When the images do not have 3 channels, or are smaller than 32 x 32.
    #[track_caller]
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Tensor {
        let fits = images.rank() == 4 && images.shape()[2..].iter().all(|&n| n >= 32);
        assert!(fits, "Vgg: images {:?}, not [N, 3, H, W] of at least 32 x 32", images.shape());
        let mut x = images.clone();
        for stage in &self.stages {
            for (conv, norm) in stage {
                x = norm.forward(&conv.forward(&x), mode).relu();
            }
            x = x.max_pool2d(Pool2d::new(2)).0;
        }
        x = x.adaptive_avg_pool2d([self.side; 2]).flatten(1, 3);
        for (i, layer) in self.classifier.iter().enumerate() {
            x = layer.forward(&if i == 0 { x } else { x.relu() });
        }
        x
    }
}
