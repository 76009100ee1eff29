//! MobileNetV2 (Sandler et al. 2018).

use autograd::Tensor;

use super::conv_norm::ConvNorm;
use crate::{BatchNorm2d, Conv2d, Init, Linear, Mode, Params};

/// A small network of inverted residuals, from images `[N, 3, H, W]` to logits `[N, classes]`: each block consists of a 1x1 expansion, a
/// depthwise 3x3 convolution and a 1x1 projection. Without the dropout before the classifier. Parameters have torchvision's names:
/// `features.0.0.weight` to `features.18.1.*` and `classifier.1.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{MobileNetV2, Mode, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = MobileNetV2::new(&params, 1000);
/// assert_eq!(params.count(), 3_504_872);
/// let logits = net.forward(&Tensor::zeros(&device, &[1, 3, 32, 32]), Mode::Eval);
/// // Untrained, all classes are about equally probable.
/// let classes = Tensor::from_slice(&device, &[3i32], &[1])?;
/// assert!((logits.cross_entropy(&classes).item()? - 1000f32.ln()).abs() < 0.1);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct MobileNetV2 {
    stem: ConvNorm,
    blocks: Vec<Block>,
    last: ConvNorm,
    classifier: Linear,
}

/// Table 2 of the paper: expansion, channels, blocks, stride of the first block.
const STAGES: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

/// Channels before and after the blocks.
const ENDS: [usize; 2] = [32, 1280];

impl MobileNetV2 {
    /// A network for `classes` classes.
    #[track_caller]
    pub fn new(params: &Params, classes: usize) -> MobileNetV2 {
        let features = params.path("features");
        let stem = ConvNorm::new(&features.path(0), 3, ENDS[0], 3, 2, 1);
        let (mut channels, mut blocks) = (ENDS[0], vec![]);
        for (expansion, outputs, count, stride) in STAGES {
            for b in 0..count {
                let stride = if b == 0 { stride } else { 1 };
                let path = features.path(blocks.len() + 1).path("conv");
                blocks.push(Block::new(&path, channels, outputs, stride, expansion));
                channels = outputs;
            }
        }
        let path = features.path(blocks.len() + 1);
        let last = ConvNorm::new(&path, channels, ENDS[1], 1, 1, 1);
        let classifier = Linear::new(&params.path("classifier").path(1), ENDS[1], classes);
        params.redraw("*classifier.1.weight", Init::Normal { mean: 0.0, std: 0.01 });
        params.redraw("*classifier.1.bias", Init::ZEROS);
        MobileNetV2 { stem, blocks, last, classifier }
    }

    /// Logits `[N, classes]` of images `[N, 3, H, W]`.
    ///
    /// # Panics
    /// When the images do not have 3 channels.
    #[track_caller]
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Tensor {
        let mut x = self.stem.forward(images, mode).relu6();
        for block in &self.blocks {
            x = block.forward(&x, mode);
        }
        let x = self.last.forward(&x, mode).relu6();
        self.classifier.forward(&x.mean(&[2, 3], false))
    }
}

struct Block {
    /// A 1x1 expansion, unless the expansion is 1, and a depthwise convolution, with ReLU6.
    inner: Vec<ConvNorm>,
    /// A 1x1 projection without non-linearity.
    outer: ConvNorm,
    residual: bool,
}

impl Block {
    #[track_caller]
    fn new(params: &Params, inputs: usize, outputs: usize, stride: usize, expansion: usize) -> Block {
        let width = inputs * expansion;
        let mut inner = vec![];
        if expansion != 1 {
            inner.push(ConvNorm::new(&params.path(0), inputs, width, 1, 1, 1));
        }
        inner.push(ConvNorm::new(&params.path(inner.len()), width, width, 3, stride, width));
        let conv = Conv2d::new(&params.path(inner.len()), width, outputs, 1);
        let norm = BatchNorm2d::new(&params.path(inner.len() + 1), outputs);
        let outer = ConvNorm(conv.no_bias().init(Init::HE_FAN_OUT).build(), norm);
        Block { inner, outer, residual: stride == 1 && inputs == outputs }
    }

    #[track_caller]
    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let mut y = x.clone();
        for part in &self.inner {
            y = part.forward(&y, mode).relu6();
        }
        let y = self.outer.forward(&y, mode);
        if self.residual { x + y } else { y }
    }
}
