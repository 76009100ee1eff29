//! GoogLeNet, or Inception v1 (Szegedy et al. 2015, "Going deeper with convolutions"), with batch norm.

use autograd::{Pool2d, Tensor, cat};

use super::conv_norm::ConvNorm;
use crate::{BatchNorm2d, Conv2d, Dropout, Init, Linear, Mode, Params};

/// A network of [`Inception`] modules, from images `[N, 3, H, W]` to logits `[N, classes]`, with batch norm after every convolution and
/// torchvision's parameter names: `conv1.conv.weight`, `conv1.bn.*` to `conv3`, `inception3a.branch1.*` to `inception5b`, `fc.*`, and
/// `aux1.*` and `aux2.*` for two auxiliary classifiers that read earlier features in [training](Mode::Train).
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{GoogLeNet, Mode, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let net = GoogLeNet::new(&params, 1000);
/// assert_eq!(params.count(), 13_004_888);
/// let images = Tensor::zeros(&device, &[2, 3, 224, 224]);
/// // Recorded, not computed.
/// assert_eq!(net.forward(&images, Mode::Train).aux_logits.unwrap()[1].shape(), [2, 1000]);
/// assert!(net.forward(&images, Mode::Eval).aux_logits.is_none());
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct GoogLeNet {
    stem: [ConvNorm; 3],
    modules: Vec<Inception>,
    aux: Option<[Aux; 2]>,
    dropout: Dropout,
    fc: Linear,
}

/// The outputs of a [`GoogLeNet`].
pub struct GoogLeNetOutput {
    /// `[N, classes]`
    pub logits: Tensor,
    /// The logits of `aux1` and `aux2`, each `[N, classes]`; only in training, and only if the network has these classifiers.
    pub aux_logits: Option<[Tensor; 2]>,
}

/// Table 1 of the paper: the modules' names, and the channels of their branches.
const MODULES: [(&str, [usize; 6]); 9] = [
    ("inception3a", [64, 96, 128, 16, 32, 32]),
    ("inception3b", [128, 128, 192, 32, 96, 64]),
    ("inception4a", [192, 96, 208, 16, 48, 64]),
    ("inception4b", [160, 112, 224, 24, 64, 64]),
    ("inception4c", [128, 128, 256, 24, 64, 64]),
    ("inception4d", [112, 144, 288, 32, 64, 64]),
    ("inception4e", [256, 160, 320, 32, 128, 128]),
    ("inception5a", [256, 160, 320, 32, 128, 128]),
    ("inception5b", [384, 192, 384, 48, 128, 128]),
];

/// The modules followed by pooling, and the window size.
const POOLED: [(usize, usize); 2] = [(1, 3), (6, 2)];

/// The modules whose outputs the auxiliary classifiers read, inception4a and inception4d.
const AUX: [usize; 2] = [2, 5];

impl GoogLeNet {
    /// A network for `classes` classes, with auxiliary classifiers.
    #[track_caller]
    pub fn new(params: &Params, classes: usize) -> GoogLeNet {
        let mut net = GoogLeNet::without_aux(params, classes);
        let aux =
            |i: usize| Aux::new(&params.path(format!("aux{}", i + 1)), outputs(&MODULES[AUX[i]].1), classes);
        net.aux = Some([0, 1].map(aux));
        net
    }

    /// The network without auxiliary classifiers, for use after training.
    ///
    /// ```
    /// use models::{GoogLeNet, Params};
    /// let params = Params::new(&autograd::Device::named("cpu")?, 42);
    /// GoogLeNet::without_aux(&params, 1000);
    /// assert_eq!(params.count(), 6_624_904);
    /// # Ok::<(), autograd::Error>(())
    /// ```
    #[track_caller]
    pub fn without_aux(params: &Params, classes: usize) -> GoogLeNet {
        let stem = [
            unit(&params.path("conv1"), 3, 64, 7, 2),
            unit(&params.path("conv2"), 64, 64, 1, 1),
            unit(&params.path("conv3"), 64, 192, 3, 1),
        ];
        let (mut channels, mut modules) = (192, vec![]);
        for (name, branches) in MODULES {
            modules.push(Inception::new(&params.path(name), channels, branches));
            channels = outputs(&branches);
        }
        let fc = linear(&params.path("fc"), channels, classes);
        GoogLeNet { stem, modules, aux: None, dropout: Dropout::new(params, 0.2), fc }
    }

    /// # Panics
    /// When the images do not have 3 channels.
    #[track_caller]
    pub fn forward(&self, images: &Tensor, mode: Mode) -> GoogLeNetOutput {
        let [conv1, conv2, conv3] = &self.stem;
        let x = halved(&conv1.forward(images, mode).relu(), 3);
        let x = conv2.forward(&x, mode).relu();
        let mut x = halved(&conv3.forward(&x, mode).relu(), 3);
        let mut read = vec![];
        for (i, module) in self.modules.iter().enumerate() {
            x = module.forward(&x, mode);
            if AUX.contains(&i) {
                read.push(x.clone());
            }
            if let Some((_, window)) = POOLED.iter().find(|(after, _)| *after == i) {
                x = halved(&x, *window);
            }
        }
        let aux = self.aux.as_ref().filter(|_| mode == Mode::Train);
        let aux_logits = aux.map(|aux| [0, 1].map(|i| aux[i].forward(&read[i], mode)));
        let logits = self.fc.forward(&self.dropout.forward(&x.mean(&[2, 3], false), mode));
        GoogLeNetOutput { logits, aux_logits }
    }
}

impl GoogLeNetOutput {
    /// The cross-entropy with classes `[N]` (i32), plus 0.3 times that of each auxiliary classifier, as in the paper.
    ///
    /// # Panics
    /// When the shape of `classes` does not fit.
    #[track_caller]
    pub fn loss(&self, classes: &Tensor) -> Tensor {
        let mut loss = self.logits.cross_entropy(classes);
        for logits in self.aux_logits.iter().flatten() {
            loss = loss + logits.cross_entropy(classes) * 0.3;
        }
        loss
    }
}

/// Four branches over one input `[N, C, H, W]`, concatenated along the channels: a 1x1 convolution (`branch1`), a 1x1 reduction and a 3x3
/// convolution (`branch2`), the same again (`branch3`), and 3x3 max pooling and a 1x1 convolution (`branch4`); all with batch norm and
/// ReLU. The kernel of `branch3` is 5x5 in the paper; here it is 3x3 as in torchvision, where it is a mistake that the published weights
/// were trained with.
///
/// ```
/// use autograd::{Device, Tensor};
/// use models::{Inception, Mode, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 42);
/// let module = Inception::new(&params, 192, [64, 96, 128, 16, 32, 32]);
/// assert_eq!(params.get("branch3.1.conv.weight").unwrap().value().shape(), [32, 16, 3, 3]);
/// let y = module.forward(&Tensor::zeros(&device, &[1, 192, 4, 4]), Mode::Eval);
/// assert_eq!(y.shape(), [1, 64 + 128 + 32 + 32, 4, 4]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct Inception {
    branches: [Vec<ConvNorm>; 4],
}

impl Inception {
    /// `branches` are the channels of `branch1`, of the reduction and the convolution of `branch2`, of the same two of `branch3`, and of
    /// `branch4`.
    #[track_caller]
    pub fn new(params: &Params, inputs: usize, branches: [usize; 6]) -> Inception {
        let [one, reduced3, three, reduced5, five, pooled] = branches;
        let under = |branch: usize, i: usize| params.path(format!("branch{branch}")).path(i);
        let pair = |branch: usize, reduced, outputs| {
            vec![
                unit(&under(branch, 0), inputs, reduced, 1, 1),
                unit(&under(branch, 1), reduced, outputs, 3, 1),
            ]
        };
        Inception {
            branches: [
                vec![unit(&params.path("branch1"), inputs, one, 1, 1)],
                pair(2, reduced3, three),
                pair(3, reduced5, five),
                vec![unit(&under(4, 1), inputs, pooled, 1, 1)],
            ],
        }
    }

    /// # Panics
    /// When `x` is not `[N, C, H, W]` with this module's channels.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let pooled = x.max_pool2d(Pool2d { stride: [1; 2], padding: [1; 2], ..Pool2d::new(3) }).0;
        let mut parts = [x.clone(), x.clone(), x.clone(), pooled];
        for (part, branch) in parts.iter_mut().zip(&self.branches) {
            for unit in branch {
                *part = unit.forward(part, mode).relu();
            }
        }
        cat(&parts.each_ref(), 1)
    }
}

/// An auxiliary classifier.
struct Aux {
    conv: ConvNorm,
    fc1: Linear,
    fc2: Linear,
    dropout: Dropout,
}

impl Aux {
    #[track_caller]
    fn new(params: &Params, inputs: usize, classes: usize) -> Aux {
        Aux {
            conv: unit(&params.path("conv"), inputs, 128, 1, 1),
            fc1: linear(&params.path("fc1"), 128 * 4 * 4, 1024),
            fc2: linear(&params.path("fc2"), 1024, classes),
            dropout: Dropout::new(params, 0.7),
        }
    }

    #[track_caller]
    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let x = self.conv.forward(&x.adaptive_avg_pool2d([4; 2]), mode).relu();
        let x = self.fc1.forward(&x.flatten(1, 3)).relu();
        self.fc2.forward(&self.dropout.forward(&x, mode))
    }
}

/// The number of output channels of a module.
fn outputs(branches: &[usize; 6]) -> usize {
    let [one, _, three, _, five, pooled] = branches;
    one + three + five + pooled
}

/// torchvision truncates at 200 deviations, which has no effect.
const INIT: Init = Init::Normal { mean: 0.0, std: 0.01 };

/// A convolution and batch norm, with parameters under `conv` and `bn`.
#[track_caller]
fn unit(params: &Params, inputs: usize, outputs: usize, kernel: usize, stride: usize) -> ConvNorm {
    let conv = Conv2d::new(&params.path("conv"), inputs, outputs, kernel).stride(stride).padding(kernel / 2);
    let norm = BatchNorm2d::new(&params.path("bn"), outputs).eps(1e-3);
    ConvNorm(conv.no_bias().init(INIT).build(), norm)
}

#[track_caller]
fn linear(params: &Params, inputs: usize, outputs: usize) -> Linear {
    let layer = Linear::new(params, inputs, outputs);
    params.redraw("*.weight", INIT);
    layer
}

#[track_caller]
fn halved(x: &Tensor, window: usize) -> Tensor {
    x.max_pool2d(Pool2d { stride: [2; 2], ceil_mode: true, ..Pool2d::new(window) }).0
}
