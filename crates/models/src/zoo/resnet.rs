//! Residual networks (He et al. 2015, "Deep residual learning for image recognition").

use autograd::{Padding, Pool2d, Tensor, checkpoint};

use crate::{BatchNorm2d, Conv2d, DropPath, Init, Linear, Mode, Params};

/// A residual network from images `[N, 3, H, W]` to logits `[N, classes]`.
///
/// [`cifar`](ResNet::cifar) gives the paper's small networks (depth 20, 32, 44, 56, 110; shortcuts without parameters, "option A"),
/// [`cifar_projected`](ResNet::cifar_projected) those with convolutions as shortcuts, [`imagenet`](ResNet::imagenet) the large ones
/// (depth 18, 34, 50, 101, 152; torchvision's parameter names), [`imagenet_on_cifar`](ResNet::imagenet_on_cifar) those with a 3x3 first
/// layer and no pooling, for images of 32x32; [`resnext`](ResNet::resnext) and [`wide`](ResNet::wide) are variants of the large ones.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Mode, Params, ResNet};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = ResNet::cifar(&params, 20, 10);
/// assert_eq!(params.count(), 269_722);
/// let logits = net.forward(&Tensor::zeros(&device, &[2, 3, 32, 32]), Mode::Eval);
/// // Untrained, all classes are about equally probable.
/// let classes = Tensor::from_slice(&device, &[3i32, 7], &[2])?;
/// assert!((logits.cross_entropy(&classes).item()? - 10f32.ln()).abs() < 0.1);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct ResNet {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    pool: bool,
    blocks: Vec<Block>,
    head: Linear,
    recompute: bool,
}

/// Number of feature maps and of blocks of a stage.
struct Stage {
    width: usize,
    blocks: usize,
}

impl ResNet {
    /// The paper's CIFAR network of `depth` = 6n + 2 layers: three stages of n blocks with 16, 32 and 64 channels.
    ///
    /// # Panics
    /// When the depth is not 6n + 2.
    #[track_caller]
    pub fn cifar(params: &Params, depth: usize, classes: usize) -> ResNet {
        ResNet::small(params, depth, Shortcuts::Padded, classes)
    }

    /// As [`cifar`](ResNet::cifar), with a 1x1 convolution and batch norm as the shortcut of blocks that change the shape ("option B").
    ///
    /// # Panics
    /// When the depth is not 6n + 2.
    #[track_caller]
    pub fn cifar_projected(params: &Params, depth: usize, classes: usize) -> ResNet {
        ResNet::small(params, depth, Shortcuts::Projected, classes)
    }

    #[track_caller]
    fn small(params: &Params, depth: usize, shortcuts: Shortcuts, classes: usize) -> ResNet {
        assert!(
            depth >= 8 && (depth - 2).is_multiple_of(6),
            "ResNet: CIFAR depth {depth} is not 6n + 2 (20, 32, 44, 56, 110)"
        );
        let blocks = (depth - 2) / 6;
        let stages = [16, 32, 64].map(|width| Stage { width, blocks });
        ResNet::build(params, &stages, Kind::Basic, shortcuts, Stem::Small, "linear", classes)
    }

    /// The paper's ImageNet network of depth 18, 34 (basic blocks), 50, 101 or 152 (bottlenecks).
    ///
    /// # Panics
    /// When the depth is none of these.
    #[doc(alias("resnet18", "resnet50"))]
    #[track_caller]
    pub fn imagenet(params: &Params, depth: usize, classes: usize) -> ResNet {
        ResNet::large(params, depth, Kind::BOTTLENECK, Stem::Large, classes)
    }

    /// As [`imagenet`](ResNet::imagenet), but with a 3x3 first layer of stride 1 and no pooling.
    ///
    /// # Panics
    /// When the depth is none of these.
    #[track_caller]
    pub fn imagenet_on_cifar(params: &Params, depth: usize, classes: usize) -> ResNet {
        ResNet::large(params, depth, Kind::BOTTLENECK, Stem::Small, classes)
    }

    /// ResNeXt (Xie et al. 2017) of depth 50 (32 groups of width 4) or 101 (32 groups of width 8), as torchvision's
    /// `resnext50_32x4d` and `resnext101_32x8d`.
    ///
    /// # Panics
    /// When the depth is neither.
    #[track_caller]
    pub fn resnext(params: &Params, depth: usize, classes: usize) -> ResNet {
        let base = match depth {
            50 => 4,
            101 => 8,
            _ => panic!("ResNet: a ResNeXt of depth {depth} instead of 50 or 101"),
        };
        ResNet::large(params, depth, Kind::Bottleneck { groups: 32, base }, Stem::Large, classes)
    }

    /// The wide residual network of depth 50 or 101 (Zagoruyko and Komodakis 2016), whose bottlenecks are twice as wide, as
    /// torchvision's `wide_resnet50_2` and `wide_resnet101_2`.
    ///
    /// # Panics
    /// When the depth is neither.
    #[track_caller]
    pub fn wide(params: &Params, depth: usize, classes: usize) -> ResNet {
        assert!(depth == 50 || depth == 101, "ResNet: a wide one of depth {depth} instead of 50 or 101");
        ResNet::large(params, depth, Kind::Bottleneck { groups: 1, base: 128 }, Stem::Large, classes)
    }

    #[track_caller]
    fn large(params: &Params, depth: usize, bottleneck: Kind, stem: Stem, classes: usize) -> ResNet {
        let (kind, blocks) = match depth {
            18 => (Kind::Basic, [2, 2, 2, 2]),
            34 => (Kind::Basic, [3, 4, 6, 3]),
            50 => (bottleneck, [3, 4, 6, 3]),
            101 => (bottleneck, [3, 4, 23, 3]),
            152 => (bottleneck, [3, 8, 36, 3]),
            _ => panic!("ResNet: depth {depth} is not 18, 34, 50, 101 or 152"),
        };
        let stages = [0, 1, 2, 3].map(|s| Stage { width: 64 << s, blocks: blocks[s] });
        ResNet::build(params, &stages, kind, Shortcuts::Projected, stem, "fc", classes)
    }

    /// A large network with any number of blocks and any widths.
    #[cfg(feature = "hf")]
    #[track_caller]
    pub(crate) fn of_stages(
        params: &Params,
        stages: &[(usize, usize)],
        bottlenecks: bool,
        classes: usize,
    ) -> ResNet {
        let stages: Vec<Stage> = stages.iter().map(|&(width, blocks)| Stage { width, blocks }).collect();
        let kind = if bottlenecks { Kind::BOTTLENECK } else { Kind::Basic };
        ResNet::build(params, &stages, kind, Shortcuts::Projected, Stem::Large, "fc", classes)
    }

    #[track_caller]
    fn build(
        params: &Params,
        stages: &[Stage],
        kind: Kind,
        shortcuts: Shortcuts,
        stem: Stem,
        head: &str,
        classes: usize,
    ) -> ResNet {
        let mut channels = stages[0].width;
        let conv1 = |kernel| Conv2d::new(&params.path("conv1"), 3, channels, kernel).padding(kernel / 2);
        let conv1 = match stem {
            Stem::Small => conv1(3),
            Stem::Large => conv1(7).stride(2),
        };
        let conv1 = conv1.no_bias().init(Init::HE_FAN_OUT).build();
        let bn1 = BatchNorm2d::new(&params.path("bn1"), channels);
        let mut blocks = vec![];
        for (s, stage) in stages.iter().enumerate() {
            for b in 0..stage.blocks {
                let stride = if s > 0 && b == 0 { 2 } else { 1 };
                let path = params.path(format!("layer{}", s + 1)).path(b);
                blocks.push(Block::new(&path, kind, shortcuts, channels, stage.width, stride));
                channels = kind.outputs(stage.width);
            }
        }
        let head = Linear::new(&params.path(head), channels, classes);
        ResNet { conv1, bn1, pool: stem == Stem::Large, blocks, head, recompute: false }
    }

    /// Initialises the weight of the last batch norm of every residual branch to 0 (Goyal et al. 2017; torchvision's
    /// `zero_init_residual`).
    ///
    /// ```
    /// use models::{Params, ResNet};
    /// let params = Params::new(&autograd::Device::named("cpu")?, 0);
    /// let net = ResNet::cifar(&params, 8, 10).zero_init_residual();
    /// assert_eq!(params.get("layer1.0.bn2.weight").unwrap().value().to_vec::<f32>()?, [0.0; 16]);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    pub fn zero_init_residual(self) -> ResNet {
        for block in &self.blocks {
            let (_, last) = block.convs.last().expect("a block has convolutions");
            let weight = last.weight();
            weight.set(&weight.value().zeros_like());
        }
        self
    }

    /// Without shortcuts: the paper's plain network of the same depth, which has the same parameters except for those of shortcuts.
    ///
    /// ```
    /// use models::{Mode, Params, ResNet};
    /// let device = autograd::Device::named("cpu")?;
    /// let params = Params::new(&device, 0);
    /// let [residual, plain] = [ResNet::cifar(&params, 8, 10), ResNet::cifar(&Params::new(&device, 0), 8, 10).plain()];
    /// let images = autograd::Generator::new(1).normal(&device, &[2, 3, 8, 8]);
    /// let [a, b] = [residual, plain].map(|net| net.forward(&images, Mode::Eval).to_vec::<f32>());
    /// assert_ne!(a?, b?);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    pub fn plain(self) -> ResNet {
        let blocks =
            self.blocks.into_iter().map(|block| Block { shortcut: Shortcut::None, ..block }).collect();
        ResNet { blocks, ..self }
    }

    /// With stochastic depth (Huang et al. 2016), in a mode that drops: the residual branch of block l of L is zeroed for a sample with
    /// probability `p l / L`. The numbers are drawn from the generator of `params`.
    ///
    /// ```
    /// use models::{Mode, Params, ResNet};
    /// let device = autograd::Device::named("cpu")?;
    /// let params = Params::new(&device, 0);
    /// let net = ResNet::cifar(&params, 8, 10).stochastic_depth(&params, 0.5);
    /// let images = autograd::Generator::new(1).normal(&device, &[2, 3, 8, 8]);
    /// let [a, b] = [Mode::Train, Mode::Train].map(|mode| net.forward(&images, mode).to_vec::<f32>());
    /// assert_ne!(a?, b?);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    ///
    /// # Panics
    /// When `p` is not in `0..=1`.
    #[track_caller]
    pub fn stochastic_depth(self, params: &Params, p: f32) -> ResNet {
        let count = self.blocks.len() as f32;
        let blocks = self.blocks.into_iter().enumerate().map(|(i, block)| {
            let drop_path = DropPath::new(params, p * (i + 1) as f32 / count);
            Block { drop_path: Some(drop_path), ..block }
        });
        ResNet { blocks: blocks.collect(), ..self }
    }

    /// Keeps only the outputs of blocks for the backward pass, which recomputes the rest: less memory, a third more work; see
    /// [`checkpoint`](autograd::checkpoint()).
    pub fn recompute(self) -> ResNet {
        ResNet { recompute: true, ..self }
    }

    /// Logits `[N, classes]` of images `[N, 3, H, W]`.
    ///
    /// # Panics
    /// When the images do not have 3 channels or are smaller than the kernels.
    #[track_caller]
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Tensor {
        let mut x = self.bn1.forward(&self.conv1.forward(images), mode).relu();
        if self.pool {
            x = x.max_pool2d(Pool2d { stride: [2; 2], padding: [1; 2], ..Pool2d::new(3) }).0;
        }
        for block in &self.blocks {
            x = if self.recompute { checkpoint(|| block.forward(&x, mode)) } else { block.forward(&x, mode) };
        }
        self.head.forward(&x.mean(&[2, 3], false))
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Stem {
    /// A 3x3 convolution of stride 1.
    Small,
    /// A 7x7 convolution of stride 2, then max pooling.
    Large,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Two 3x3 convolutions.
    Basic,
    /// 1x1, 3x3 and 1x1 convolutions, the last to four times the width. The second has `groups` groups,
    /// of `base` channels each if the width is 64.
    Bottleneck { groups: usize, base: usize },
}

impl Kind {
    const BOTTLENECK: Kind = Kind::Bottleneck { groups: 1, base: 64 };

    fn outputs(self, width: usize) -> usize {
        if self == Kind::Basic { width } else { 4 * width }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Shortcuts {
    /// Option A: subsampled, and padded with zero channels.
    Padded,
    /// Option B: a 1x1 convolution with batch norm.
    Projected,
}

enum Shortcut {
    None,
    Identity,
    Padded { stride: usize, channels: usize },
    Projected(Conv2d, BatchNorm2d),
}

impl Shortcut {
    #[track_caller]
    fn new(params: &Params, kind: Shortcuts, inputs: usize, outputs: usize, stride: usize) -> Shortcut {
        if inputs == outputs && stride == 1 {
            return Shortcut::Identity;
        }
        if kind == Shortcuts::Padded {
            return Shortcut::Padded { stride, channels: (outputs - inputs) / 2 };
        }
        let path = params.path("downsample");
        let conv = Conv2d::new(&path.path(0), inputs, outputs, 1).stride(stride);
        let conv = conv.no_bias().init(Init::HE_FAN_OUT).build();
        Shortcut::Projected(conv, BatchNorm2d::new(&path.path(1), outputs))
    }

    /// `y` and the shortcut of `x`.
    #[track_caller]
    fn add(&self, y: Tensor, x: &Tensor, mode: Mode) -> Tensor {
        match self {
            Shortcut::None => y,
            Shortcut::Identity => y + x,
            &Shortcut::Padded { stride, channels } => {
                let every = |x: Tensor, dim| x.slice(dim, 0, isize::MAX, stride as isize);
                let c = channels as isize;
                y + every(every(x.clone(), 2), 3).pad(&[(0, 0), (0, 0), (c, c)], Padding::Constant(0.0))
            }
            Shortcut::Projected(conv, bn) => y + bn.forward(&conv.forward(x), mode),
        }
    }
}

/// `relu(f(x) + shortcut(x))`
struct Block {
    /// Convolutions with batch norm; ReLU between them.
    convs: Vec<(Conv2d, BatchNorm2d)>,
    shortcut: Shortcut,
    drop_path: Option<DropPath>,
}

impl Block {
    #[track_caller]
    fn new(
        params: &Params,
        kind: Kind,
        shortcuts: Shortcuts,
        inputs: usize,
        width: usize,
        stride: usize,
    ) -> Block {
        let outputs = kind.outputs(width);
        // (channels in, channels out, kernel, stride, groups); the stride is in the 3x3 layer, as in torchvision.
        let layers = match kind {
            Kind::Basic => vec![(inputs, width, 3, stride, 1), (width, outputs, 3, 1, 1)],
            Kind::Bottleneck { groups, base } => {
                let inner = width * base / 64 * groups;
                vec![(inputs, inner, 1, 1, 1), (inner, inner, 3, stride, groups), (inner, outputs, 1, 1, 1)]
            }
        };
        let convs = layers.into_iter().enumerate().map(|(i, (from, to, kernel, stride, groups))| {
            let conv = Conv2d::new(&params.path(format!("conv{}", i + 1)), from, to, kernel);
            let conv = conv.stride(stride).groups(groups).padding(kernel / 2);
            let conv = conv.no_bias().init(Init::HE_FAN_OUT).build();
            (conv, BatchNorm2d::new(&params.path(format!("bn{}", i + 1)), to))
        });
        // Parameters are listed in the order of their creation: convolutions first, as in torchvision.
        let convs = convs.collect();
        let shortcut = Shortcut::new(params, shortcuts, inputs, outputs, stride);
        Block { convs, shortcut, drop_path: None }
    }

    #[track_caller]
    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let mut y = x.clone();
        for (i, (conv, bn)) in self.convs.iter().enumerate() {
            y = bn.forward(&conv.forward(&y), mode);
            if i + 1 < self.convs.len() {
                y = y.relu();
            }
        }
        if let Some(drop_path) = &self.drop_path {
            y = drop_path.forward(&y, mode);
        }
        self.shortcut.add(y, x, mode).relu()
    }
}
