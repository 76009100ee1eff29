//! Residual networks with pre-activation (He et al. 2016, "Identity mappings in deep residual networks").

use autograd::Tensor;

use crate::{BatchNorm2d, Conv2d, Init, Linear, Mode, Params};

/// A residual network for small images, from `[N, 3, H, W]` to logits `[N, classes]`, whose blocks apply batch norm and ReLU before each
/// convolution, so that the residual path is an identity. Parameters `conv1.weight`, `layer1.0.bn1.*`, `layer1.0.conv1.weight`,
/// `layer1.0.bn2.*`, `layer1.0.conv2.weight`, `layer2.0.shortcut.0.weight` and so on, `bn.*` and `linear.*`.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Mode, Params, PreActResNet};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = PreActResNet::cifar(&params, 20, 10);
/// // ResNet-20's convolutions, two projections, and batch norms before the convolutions.
/// assert_eq!(params.count(), 272_282);
/// let logits = net.forward(&Tensor::zeros(&device, &[1, 3, 16, 16]), Mode::Eval);
/// // Untrained, all classes are about equally probable.
/// let classes = Tensor::from_slice(&device, &[3i32], &[1])?;
/// assert!((logits.cross_entropy(&classes).item()? - 10f32.ln()).abs() < 0.2);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct PreActResNet {
    conv: Conv2d,
    blocks: Vec<Block>,
    norm: BatchNorm2d,
    head: Linear,
}

impl PreActResNet {
    /// A network of `depth` = 6n + 2 layers: three stages of n blocks with 16, 32 and 64 channels.
    ///
    /// # Panics
    /// When the depth is not 6n + 2.
    #[track_caller]
    pub fn cifar(params: &Params, depth: usize, classes: usize) -> PreActResNet {
        assert!(depth >= 8 && (depth - 2).is_multiple_of(6), "PreActResNet: depth {depth} is not 6n + 2");
        let (mut channels, mut blocks) = (16, vec![]);
        for (s, width) in [16, 32, 64].into_iter().enumerate() {
            for b in 0..(depth - 2) / 6 {
                let stride = if s > 0 && b == 0 { 2 } else { 1 };
                let path = params.path(format!("layer{}", s + 1)).path(b);
                blocks.push(Block::new(&path, channels, width, stride));
                channels = width;
            }
        }
        PreActResNet {
            conv: conv(&params.path("conv1"), 3, 16, 3, 1),
            blocks,
            norm: BatchNorm2d::new(&params.path("bn"), channels),
            head: Linear::new(&params.path("linear"), channels, classes),
        }
    }

    /// # Panics
    /// When the images do not have 3 channels.
    #[track_caller]
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Tensor {
        let mut x = self.conv.forward(images);
        for block in &self.blocks {
            x = block.forward(&x, mode);
        }
        self.head.forward(&self.norm.forward(&x, mode).relu().mean(&[2, 3], false))
    }
}

#[track_caller]
fn conv(params: &Params, inputs: usize, outputs: usize, kernel: usize, stride: usize) -> Conv2d {
    let conv = Conv2d::new(params, inputs, outputs, kernel).stride(stride).padding(kernel / 2);
    conv.no_bias().init(Init::HE_FAN_OUT).build()
}

struct Block {
    bn1: BatchNorm2d,
    conv1: Conv2d,
    bn2: BatchNorm2d,
    conv2: Conv2d,
    /// A 1x1 convolution if the block changes the shape.
    shortcut: Option<Conv2d>,
}

impl Block {
    #[track_caller]
    fn new(params: &Params, inputs: usize, outputs: usize, stride: usize) -> Block {
        Block {
            bn1: BatchNorm2d::new(&params.path("bn1"), inputs),
            conv1: conv(&params.path("conv1"), inputs, outputs, 3, stride),
            bn2: BatchNorm2d::new(&params.path("bn2"), outputs),
            conv2: conv(&params.path("conv2"), outputs, outputs, 3, 1),
            shortcut: (stride != 1 || inputs != outputs)
                .then(|| conv(&params.path("shortcut").path(0), inputs, outputs, 1, stride)),
        }
    }

    #[track_caller]
    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let h = self.bn1.forward(x, mode).relu();
        // The projection also reads the activated input.
        let shortcut = self.shortcut.as_ref().map_or_else(|| x.clone(), |conv| conv.forward(&h));
        let h = self.bn2.forward(&self.conv1.forward(&h), mode).relu();
        self.conv2.forward(&h) + shortcut
    }
}
