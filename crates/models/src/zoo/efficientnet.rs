//! EfficientNet (Tan and Le 2019).

use autograd::Tensor;

use super::conv_norm::ConvNorm;
use crate::{DropPath, Dropout, Init, Linear, Mode, Params, SqueezeExcite};

/// A family of networks of inverted residuals with squeeze and excitation and SiLU, whose width and depth are scaled together, from
/// images `[N, 3, H, W]` to logits `[N, classes]`. Parameters have torchvision's names: `features.0.0.weight`,
/// `features.1.0.block.0.0.weight` to `features.8.1.*`, and `classifier.1.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{EfficientNet, EfficientNetOptions, Mode, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = EfficientNet::new(&params, EfficientNetOptions::b(0, 1000));
/// assert_eq!(params.count(), 5_288_548);
/// // Recorded, not computed.
/// let logits = net.forward(&Tensor::zeros(&device, &[1, 3, 224, 224]), Mode::Eval);
/// assert_eq!(logits.shape(), [1, 1000]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct EfficientNet {
    stem: ConvNorm,
    blocks: Vec<Block>,
    last: ConvNorm,
    dropout: Dropout,
    classifier: Linear,
}

/// Sizes of an [`EfficientNet`].
#[derive(Clone, Copy, Debug)]
pub struct EfficientNetOptions {
    /// Number of classes.
    pub classes: usize,
    /// Factor on B0's channels; the results are rounded to multiples of 8.
    pub width: f64,
    /// Factor on B0's number of blocks per stage; the results are rounded up.
    pub depth: f64,
    /// Dropout probability before the classifier.
    pub dropout: f32,
    /// The probability of dropping the last residual branch; for earlier ones it is proportional to their depth.
    pub drop_path: f32,
    /// Options of batch norm.
    pub norm_eps: f32,
    /// Weight of a batch in the update of the running statistics.
    pub norm_momentum: f32,
}

impl EfficientNetOptions {
    /// Options of the paper's networks B0 to B7, which are designed for images of 224, 240, 260, 300, 380, 456, 528 and 600 pixels.
    ///
    /// # Panics
    /// When there is no network of that number.
    #[doc(alias = "efficientnet_b0")]
    #[track_caller]
    pub fn b(number: usize, classes: usize) -> EfficientNetOptions {
        let sizes = [
            (1.0, 1.0, 0.2),
            (1.0, 1.1, 0.2),
            (1.1, 1.2, 0.3),
            (1.2, 1.4, 0.3),
            (1.4, 1.8, 0.4),
            (1.6, 2.2, 0.4),
            (1.8, 2.6, 0.5),
            (2.0, 3.1, 0.5),
        ];
        assert!(number < sizes.len(), "EfficientNet: B{number} is not one of B0 to B7");
        let (width, depth, dropout) = sizes[number];
        // torchvision's weights of the larger networks come from TensorFlow, and need its constants.
        let (norm_eps, norm_momentum) = if number < 5 { (1e-5, 0.1) } else { (1e-3, 0.01) };
        EfficientNetOptions { classes, width, depth, dropout, drop_path: 0.2, norm_eps, norm_momentum }
    }

    /// `width * channels`, rounded to a multiple of 8 and by at most a tenth down.
    fn channels(&self, channels: usize) -> usize {
        let wanted = channels as f64 * self.width;
        let rounded = ((wanted + 4.0) as usize / 8 * 8).max(8);
        if (rounded as f64) < 0.9 * wanted { rounded + 8 } else { rounded }
    }

    #[track_caller]
    fn unit(
        &self,
        params: &Params,
        inputs: usize,
        outputs: usize,
        kernel: usize,
        stride: usize,
        groups: usize,
    ) -> ConvNorm {
        let ConvNorm(conv, norm) = ConvNorm::new(params, inputs, outputs, kernel, stride, groups);
        ConvNorm(conv, norm.eps(self.norm_eps).momentum(self.norm_momentum))
    }
}

/// Table 1 of the paper: expansion, kernel, stride of the first block, channels, blocks.
const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
];

impl EfficientNet {
    /// An untrained network of these sizes.
    #[track_caller]
    pub fn new(params: &Params, options: EfficientNetOptions) -> EfficientNet {
        let features = params.path("features");
        let mut channels = options.channels(32);
        let stem = options.unit(&features.path(0), 3, channels, 3, 2, 1);
        let counts = STAGES.map(|(.., blocks)| (blocks as f64 * options.depth).ceil() as usize);
        let (all, mut blocks) = (counts.iter().sum::<usize>(), vec![]);
        for (s, (expansion, kernel, stride, outputs, _)) in STAGES.into_iter().enumerate() {
            let outputs = options.channels(outputs);
            for b in 0..counts[s] {
                let stride = if b == 0 { stride } else { 1 };
                let shape = BlockShape { inputs: channels, outputs, expansion, kernel, stride };
                let drop_path = options.drop_path * blocks.len() as f32 / all as f32;
                let path = features.path(s + 1).path(b).path("block");
                blocks.push(Block::new(&path, options, shape, drop_path));
                channels = outputs;
            }
        }
        let last = options.unit(&features.path(STAGES.len() + 1), channels, 4 * channels, 1, 1, 1);
        let path = params.path("classifier").path(1);
        let classifier = Linear::new(&path, 4 * channels, options.classes);
        let bound = 1.0 / (options.classes as f32).sqrt();
        path.redraw("*.weight", Init::Uniform { low: -bound, high: bound });
        path.redraw("*.bias", Init::ZEROS);
        EfficientNet { stem, blocks, last, dropout: Dropout::new(params, options.dropout), classifier }
    }

    /// Logits `[N, classes]` of images `[N, 3, H, W]`.
    ///
    /// # Panics
    /// When the images do not have 3 channels.
    #[track_caller]
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Tensor {
        let mut x = self.stem.forward(images, mode).silu();
        for block in &self.blocks {
            x = block.forward(&x, mode);
        }
        let x = self.last.forward(&x, mode).silu().mean(&[2, 3], false);
        self.classifier.forward(&self.dropout.forward(&x, mode))
    }
}

/// A block's inner channels are `expansion` times its input channels.
struct BlockShape {
    inputs: usize,
    outputs: usize,
    expansion: usize,
    kernel: usize,
    stride: usize,
}

struct Block {
    /// A 1x1 expansion, unless the expansion is 1, and a depthwise convolution, with SiLU.
    inner: Vec<ConvNorm>,
    scale: SqueezeExcite,
    /// A 1x1 projection without non-linearity.
    outer: ConvNorm,
    /// Stochastic depth of the residual branch, if the block has a residual connection.
    residual: Option<DropPath>,
}

impl Block {
    #[track_caller]
    fn new(params: &Params, options: EfficientNetOptions, shape: BlockShape, drop_path: f32) -> Block {
        let BlockShape { inputs, outputs, expansion, kernel, stride } = shape;
        let width = inputs * expansion;
        let mut inner = vec![];
        if expansion != 1 {
            inner.push(options.unit(&params.path(0), inputs, width, 1, 1, 1));
        }
        inner.push(options.unit(&params.path(inner.len()), width, width, kernel, stride, width));
        let path = params.path(inner.len());
        let scale = SqueezeExcite::new(&path, width, (inputs / 4).max(1)).activation(Tensor::silu);
        path.redraw("*.weight", Init::HE_FAN_OUT);
        path.redraw("*.bias", Init::ZEROS);
        let outer = options.unit(&params.path(inner.len() + 1), width, outputs, 1, 1, 1);
        let residual = (stride == 1 && inputs == outputs).then(|| DropPath::new(params, drop_path));
        Block { inner, scale, outer, residual }
    }

    #[track_caller]
    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let mut y = x.clone();
        for unit in &self.inner {
            y = unit.forward(&y, mode).silu();
        }
        let y = self.outer.forward(&self.scale.forward(&y), mode);
        match &self.residual {
            Some(drop_path) => x + drop_path.forward(&y, mode),
            None => y,
        }
    }
}
