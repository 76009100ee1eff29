//! The deep convolutional generator and discriminator (Radford et al. 2016).

use autograd::Tensor;
use models::{BatchNorm2d, Conv2d, ConvTranspose2d, Init, Mode, Params};

/// The weight initialisation of the paper.
const WEIGHT: Init = Init::Normal { mean: 0.0, std: 0.02 };
const NORM_WEIGHT: Init = Init::Normal { mean: 1.0, std: 0.02 };
const LEAK: f32 = 0.2;

/// From noise `[N, latent]` to images `[N, channels, side, side]` between -1 and 1: a transposed convolution to 4 x 4, then transposed
/// convolutions that double the side and halve the channels, with batch norm and ReLU after each but the last, and a tanh (Radford et al.
/// 2016, figure 1). Parameters `conv0.*`, `norm0.*`, `conv1.*` and so on.
///
/// ```
/// use autograd::{Device, Generator};
/// use methods::generative::{DcganDiscriminator, DcganGenerator};
/// use models::{Mode, Params};
/// let device = Device::named("cpu")?;
/// let params = Params::new(&device, 1);
/// let generator = DcganGenerator::new(&params.path("g"), 100, 3, 16, 8);
/// let discriminator = DcganDiscriminator::new(&params.path("d"), 3, 16, 8);
/// let images = generator.forward(&Generator::new(2).normal(&device, &[5, 100]), Mode::Train);
/// assert_eq!(images.shape(), [5, 3, 16, 16]);
/// assert_eq!(discriminator.forward(&images, Mode::Train).shape(), [5]);
/// # Ok::<(), autograd::Error>(())
/// ```
pub struct DcganGenerator {
    layers: Vec<(ConvTranspose2d, BatchNorm2d)>,
    last: ConvTranspose2d,
}

impl DcganGenerator {
    /// `width` is the number of channels before the last layer.
    ///
    /// # Panics
    /// When `side` is not a power of 2, or is less than 8.
    #[track_caller]
    pub fn new(params: &Params, latent: usize, channels: usize, side: usize, width: usize) -> DcganGenerator {
        let doublings = doublings("DcganGenerator", side);
        let channels_after = |stage: usize| width << (doublings - 1 - stage);
        let conv = |stage: usize, from: usize, to: usize| {
            let builder = ConvTranspose2d::new(&params.path(format!("conv{stage}")), from, to, 4);
            let builder = if stage == 0 { builder } else { builder.stride(2).padding(1) };
            builder.no_bias().init(WEIGHT).build()
        };
        let layer = |stage: usize| {
            let from = if stage == 0 { latent } else { channels_after(stage - 1) };
            let norm = &params.path(format!("norm{stage}"));
            let to = channels_after(stage);
            (conv(stage, from, to), BatchNorm2d::with_weight(norm, to, NORM_WEIGHT))
        };
        let layers = (0..doublings).map(layer).collect();
        DcganGenerator { layers, last: conv(doublings, width, channels) }
    }

    /// # Panics
    /// When `z` is not `[N, latent]`.
    #[track_caller]
    pub fn forward(&self, z: &Tensor, mode: Mode) -> Tensor {
        let z = z.reshape(&[z.shape()[0], z.shape()[1], 1, 1]);
        let step = |x: Tensor, (conv, norm): &(ConvTranspose2d, BatchNorm2d)| {
            norm.forward(&conv.forward(&x), mode).relu()
        };
        self.last.forward(&self.layers.iter().fold(z, step)).tanh()
    }
}

/// From images `[N, channels, side, side]` to scores `[N]`, logits of being real: convolutions that halve the side down to 4 x 4 and double
/// the channels, each followed by leaky ReLU (0.2), all but the first with batch norm, and a final convolution over the 4 x 4 map (Radford
/// et al. 2016). Parameters `conv0.*`, `conv1.*`, `norm1.*` and so on.
pub struct DcganDiscriminator {
    layers: Vec<(Conv2d, Option<BatchNorm2d>)>,
    last: Conv2d,
}

impl DcganDiscriminator {
    /// `width` is the number of channels after the first layer.
    ///
    /// # Panics
    /// When `side` is not a power of 2, or is less than 8.
    #[track_caller]
    pub fn new(params: &Params, channels: usize, side: usize, width: usize) -> DcganDiscriminator {
        let halvings = doublings("DcganDiscriminator", side);
        let conv = |stage: usize, from: usize, to: usize| {
            let builder = Conv2d::new(&params.path(format!("conv{stage}")), from, to, 4);
            let builder = if stage == halvings { builder } else { builder.stride(2).padding(1) };
            builder.no_bias().init(WEIGHT).build()
        };
        let layer = |stage: usize| {
            let (from, to) = (if stage == 0 { channels } else { width << (stage - 1) }, width << stage);
            let norm = || BatchNorm2d::with_weight(&params.path(format!("norm{stage}")), to, NORM_WEIGHT);
            (conv(stage, from, to), (stage > 0).then(norm))
        };
        let layers = (0..halvings).map(layer).collect();
        DcganDiscriminator { layers, last: conv(halvings, width << (halvings - 1), 1) }
    }

    /// # Panics
    /// When `x` does not have the channels and sides of the network.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        self.score(&self.features(x, mode))
    }

    /// The features `[N, F, 4, 4]` before the last layer, for [`feature_matching_loss`](super::feature_matching_loss).
    ///
    /// # Panics
    /// As [`forward`](DcganDiscriminator::forward).
    #[track_caller]
    pub fn features(&self, x: &Tensor, mode: Mode) -> Tensor {
        let step = |x: Tensor, (conv, norm): &(Conv2d, Option<BatchNorm2d>)| {
            let x = conv.forward(&x);
            norm.as_ref().map_or(x.clone(), |norm| norm.forward(&x, mode)).leaky_relu(LEAK)
        };
        self.layers.iter().fold(x.clone(), step)
    }

    /// The scores `[N]` of [`features`](DcganDiscriminator::features).
    #[track_caller]
    pub fn score(&self, features: &Tensor) -> Tensor {
        self.last.forward(features).flatten(0, -1)
    }
}

/// The number of doublings from 4 to `side`.
#[track_caller]
fn doublings(what: &str, side: usize) -> usize {
    assert!(side >= 8 && side.is_power_of_two(), "{what}: images of side {side}");
    side.ilog2() as usize - 2
}
