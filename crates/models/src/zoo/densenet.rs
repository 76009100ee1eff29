//! Densely connected networks (Huang et al. 2017).

use autograd::{Pool2d, Tensor, cat};

use crate::{BatchNorm2d, Conv2d, Init, Linear, Mode, Params};

/// A network in which each layer reads the outputs of all earlier layers of its block, from images `[N, 3, H, W]` to logits `[N, classes]`.
/// Parameters have torchvision's names: `features.conv0.*`, `features.norm0.*`, `features.denseblock1.denselayer1.norm1.*` and so on,
/// `features.transition1.*`, `features.norm5.*`, `classifier.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{DenseNet, Mode, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = DenseNet::imagenet(&params, 121, 1000);
/// assert_eq!(params.count(), 7_978_856);
/// let logits = net.forward(&Tensor::zeros(&device, &[1, 3, 32, 32]), Mode::Eval);
/// // Untrained, all classes are about equally probable.
/// let classes = Tensor::from_slice(&device, &[3i32], &[1])?;
/// assert!((logits.cross_entropy(&classes).item()? - 1000f32.ln()).abs() < 0.1);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct DenseNet {
    conv: Conv2d,
    norm: BatchNorm2d,
    blocks: Vec<Vec<Layer>>,
    /// Between blocks: normalise, and halve channels, height and width.
    transitions: Vec<(BatchNorm2d, Conv2d)>,
    last_norm: BatchNorm2d,
    classifier: Linear,
}

impl DenseNet {
    /// The paper's network of depth 121, 161, 169 or 201.
    ///
    /// # Panics
    /// When the depth is none of these.
    #[doc(alias = "densenet121")]
    #[track_caller]
    pub fn imagenet(params: &Params, depth: usize, classes: usize) -> DenseNet {
        let (growth, start, blocks) = match depth {
            121 => (32, 64, [6, 12, 24, 16]),
            161 => (48, 96, [6, 12, 36, 24]),
            169 => (32, 64, [6, 12, 32, 32]),
            201 => (32, 64, [6, 12, 48, 32]),
            _ => panic!("DenseNet: depth {depth} is not 121, 161, 169 or 201"),
        };
        DenseNet::new(params, growth, start, &blocks, classes)
    }

    /// `start` feature maps before the first block, `growth` additional ones per layer; `blocks` are the numbers of layers.
    #[track_caller]
    pub fn new(params: &Params, growth: usize, start: usize, blocks: &[usize], classes: usize) -> DenseNet {
        let features = params.path("features");
        let conv = Conv2d::new(&features.path("conv0"), 3, start, 7).stride(2).padding(3).no_bias().init(HE);
        let (conv, norm) = (conv.build(), BatchNorm2d::new(&features.path("norm0"), start));
        let (mut channels, mut all, mut transitions) = (start, vec![], vec![]);
        for (b, &count) in blocks.iter().enumerate() {
            let under = features.path(format!("denseblock{}", b + 1));
            let layer = |i: usize| {
                Layer::new(&under.path(format!("denselayer{}", i + 1)), channels + i * growth, growth)
            };
            all.push((0..count).map(layer).collect());
            channels += count * growth;
            if b + 1 < blocks.len() {
                let under = features.path(format!("transition{}", b + 1));
                let norm = BatchNorm2d::new(&under.path("norm"), channels);
                let conv = Conv2d::new(&under.path("conv"), channels, channels / 2, 1).no_bias().init(HE);
                transitions.push((norm, conv.build()));
                channels /= 2;
            }
        }
        let last_norm = BatchNorm2d::new(&features.path(format!("norm{}", blocks.len() + 1)), channels);
        let classifier = Linear::new(&params.path("classifier"), channels, classes);
        params.redraw("*classifier.bias", Init::ZEROS);
        DenseNet { conv, norm, blocks: all, transitions, last_norm, classifier }
    }

    /// Logits `[N, classes]` of images `[N, 3, H, W]`.
    ///
    /// # Panics
    /// When the images do not have 3 channels, or are smaller than 32 pixels.
    #[track_caller]
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Tensor {
        let x = self.norm.forward(&self.conv.forward(images), mode).relu();
        let mut x = x.max_pool2d(Pool2d { stride: [2; 2], padding: [1; 2], ..Pool2d::new(3) }).0;
        for (b, block) in self.blocks.iter().enumerate() {
            for layer in block {
                x = cat(&[&x, &layer.forward(&x, mode)], 1);
            }
            if let Some((norm, conv)) = self.transitions.get(b) {
                x = conv.forward(&norm.forward(&x, mode).relu()).avg_pool2d(Pool2d::new(2), true, None);
            }
        }
        let x = self.last_norm.forward(&x, mode).relu();
        self.classifier.forward(&x.mean(&[2, 3], false))
    }
}

const HE: Init = Init::KaimingNormal { gain: std::f32::consts::SQRT_2, fan: crate::init::Fan::In };

/// Batch norm, ReLU and a 1x1 convolution to four times the growth, then the same with a 3x3 convolution to the growth.
struct Layer {
    parts: [(BatchNorm2d, Conv2d); 2],
}

impl Layer {
    #[track_caller]
    fn new(params: &Params, inputs: usize, growth: usize) -> Layer {
        let part = |i: usize, from: usize, to: usize, kernel: usize| {
            let conv = Conv2d::new(&params.path(format!("conv{i}")), from, to, kernel).padding(kernel / 2);
            let norm = BatchNorm2d::new(&params.path(format!("norm{i}")), from);
            (norm, conv.no_bias().init(HE).build())
        };
        Layer { parts: [part(1, inputs, 4 * growth, 1), part(2, 4 * growth, growth, 3)] }
    }

    #[track_caller]
    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let mut x = x.clone();
        for (norm, conv) in &self.parts {
            x = conv.forward(&norm.forward(&x, mode).relu());
        }
        x
    }
}
